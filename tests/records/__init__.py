"""Records: what replaces what, and what they are estimated at."""
