"""Weighbridge's Envoy configuration: one source for a stand-alone Envoy and for a mesh."""
