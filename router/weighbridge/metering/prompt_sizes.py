"""How many tokens a request's bytes are, learned from the requests whose tokens were told."""

from typing import Final

from weighbridge.contract import Endpoint

BYTES_PER_TOKEN: Final = 4.0
"""Until something is learned: English prose, as `limits.bytes_per_token` assumes."""


_Kind = tuple[str, Endpoint | None]
"""A tier and an API shape."""


class PromptSizes:
    """Learns bytes per token by tier and API shape.

    Each tier has a tokenizer of its own; and a chat's JSON has more around the text than a list of
    texts to embed.
    """

    def __init__(self) -> None:
        self._sums: dict[_Kind, tuple[int, int]] = {}

    def learn(self, kind: _Kind, request_bytes: int, tokens: int) -> None:
        """A request of so many bytes had so many prompt tokens."""
        if request_bytes > 0 and tokens > 0:
            known_bytes, known_tokens = self._sums.get(kind, (0, 0))
            self._sums[kind] = (known_bytes + request_bytes, known_tokens + tokens)

    def estimate(self, kind: _Kind, request_bytes: int) -> int:
        """Prompt tokens of a request that told none."""
        known = self._sums.get(kind)
        ratio = known[0] / known[1] if known else BYTES_PER_TOKEN
        return round(request_bytes / ratio)
