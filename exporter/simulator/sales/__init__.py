"""John's sales: the book (`book`), the route (`api`) and the story of a small shop."""
