"""What the exporter does with what the sources say: read, book, publish, keep."""
