"""Sales and refunds in, figures of the shop out."""
