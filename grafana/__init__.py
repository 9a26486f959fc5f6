"""The dashboards as Python. `python -m grafana` writes `grafana/dashboards/`, which Grafana reads.

One module a dashboard; `panels` builds what is on it, `words` says grades and states, `queries` asks.
"""
