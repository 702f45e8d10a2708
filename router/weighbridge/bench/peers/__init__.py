"""`weighbridge bench --peers`: plain Envoy, empty handler, router and LiteLLM side by side."""
