"""What the tests send."""

import json

import httpx

EASY = "What is the capital of France?"
HARD = (
    "Prove that there are infinitely many primes congruent to 3 modulo 4, then explain why the "
    "same argument fails for 1 modulo 4 and repair it."
)


def chat(text=EASY, **fields):
    message = {"role": "user", "content": text}
    return {"model": "auto", "messages": [message], **fields}


def padded(size):
    """A chat body of exactly `size` bytes (or a shorter one that is no chat at all)."""
    frame = json.dumps(chat("")).encode()
    if size < len(frame):
        return b"x" * size
    return json.dumps(chat("x" * (size - len(frame)))).encode()


def client_of(envoy, **options):
    return httpx.Client(base_url=envoy.url, timeout=30, trust_env=False, **options)


def decision(response):
    """Tier and reason that the client was told."""
    headers = response.headers
    return headers.get("x-weighbridge-tier"), headers.get("x-weighbridge-reason")


def received(response, name):
    """Values of a header as the pool received it."""
    return [value for key, value in response.json()["headers"] if key == name]
