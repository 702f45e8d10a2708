"""A stand-in for vLLM: the same HTTP API and metrics in front of an engine that only keeps time."""

from weighbridge_simulator.failures import Failures
from weighbridge_simulator.settings import Settings

__all__ = ["Failures", "Settings"]
