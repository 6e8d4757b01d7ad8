"""What experts decided, learned: an order for what waits."""
