"""Spans of decisions, joined to Envoy's trace; off unless the settings say so (docs/adr/0026)."""
