"""The books of a venue account: fills and settlements as positions and realised P&L."""
