"""What was, by period: figures of closed and open periods, their lines, and how they differ."""
