"""The sales API: what was sold and given back."""
