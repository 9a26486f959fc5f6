"""Bills and usage in, API cost out."""
