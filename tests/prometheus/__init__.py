"""Rules and alerts, against cases that say when each is true."""
