"""Kalshi: an account as records (`account`), its past (`history`), and its quotes as they move (`feed`)."""
