"""The books of a shop: sales and refunds as entries."""
