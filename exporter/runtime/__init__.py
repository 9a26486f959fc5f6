"""The process itself: its children, and the pauses of its garbage collector."""
