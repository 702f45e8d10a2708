"""Programs and processes that the tests with a real Envoy are made of."""
