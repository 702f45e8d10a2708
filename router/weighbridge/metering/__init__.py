"""`weighbridge meter`: Envoy's receipts in, tokens and dollars by tier, team and user out."""
