"""The sales API of docs/sales-api.yaml."""
