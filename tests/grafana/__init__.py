"""The dashboards, and what their queries find in a Prometheus."""
