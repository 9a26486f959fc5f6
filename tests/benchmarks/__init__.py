"""How fast, how large, how fresh: every budget of docs/benchmarks.md measured, none asserted."""
