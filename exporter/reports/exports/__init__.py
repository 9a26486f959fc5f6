"""What was, row by row, for spreadsheets and programs: one table of exports, each with its columns."""
