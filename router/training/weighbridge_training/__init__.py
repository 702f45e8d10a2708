"""How the default artifact is trained and judged."""
