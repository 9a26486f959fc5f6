"""The books of API cost: bills and usage as days, what is estimated and what is to come."""
