"""Kalshi: its lists, its live feed, its key and its limits."""
