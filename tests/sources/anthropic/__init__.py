"""Anthropic: bills, usage, names and list prices."""
