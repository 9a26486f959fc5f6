"""Anthropic: an organization as records, from the stable reports or the newer analytics, and list prices."""
