"""`weighbridge up --pools vllm`: two real vLLM servers behind a real Envoy and the router."""

from up.conftest import *  # noqa: F403 - the fixtures of tests/up, with another kind of pool
