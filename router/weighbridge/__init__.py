"""Weighbridge: an Envoy ext_proc service that weighs each prompt and names its pool."""

__version__ = "0.1.0"
