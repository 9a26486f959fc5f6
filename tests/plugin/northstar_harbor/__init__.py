"""Two sources of another package: an exchange called Harbor, and the bill of an API called Tide."""
