"""What the user sets: names, entries, instances, and every mistake at once."""
