"""`weighbridge bench`: what the filter costs beside plain Envoy and an empty handler."""
