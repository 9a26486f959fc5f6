"""Fills, settlements and marks in, trading figures out."""
