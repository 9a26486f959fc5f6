"""Figures taken apart, down to the records and their raw answers."""
