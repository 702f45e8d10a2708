"""`weighbridge canary`: what a pool's canary is doing, read by the user's own kubectl."""
