"""What the charts render, and the helpers that their tests share."""
