"""What page, widget and other readers are served."""
