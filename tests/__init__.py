"""The tests: a folder for each room of the program, and what only shows when all of it runs."""
