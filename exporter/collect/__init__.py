"""When sources are read and what becomes of it: cycles, schedule, live quotes, the past, backups."""
