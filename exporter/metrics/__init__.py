"""What Prometheus scrapes: figures from one snapshot, and how the exporter itself is doing."""
