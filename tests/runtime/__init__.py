"""Processes that start, watch and end one another."""
