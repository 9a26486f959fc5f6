"""Answers in, records out."""
