"""Request bodies in, what a fit wants of them out: features, states of the encoder, lengths.

Bodies are read as the router reads them, so that what is fitted is what will be weighed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from weighbridge.contract import Endpoint
from weighbridge.errors import StreamError
from weighbridge.features import Featurizer
from weighbridge.kernel import Doubles, Floats
from weighbridge.prompt import Ask, read_prompt
from weighbridge.settings import Limits
from weighbridge.stages import Encoder

_NOTHING: Final = Ask("", 0)
_LIMITS: Final = Limits()
"""The defaults, whatever this process has in its environment: a fit must be repeatable."""
Watch = Callable[[int], None]


class Material(msgspec.Struct, frozen=True, eq=False):
    """Prompts as numbers.

    Attributes:
        rows: prompts x features of stage 1.
        states: prompts x states of the encoder; no columns where there is none.
        lengths: log pieces of each prompt.
    """

    rows: Floats
    states: Floats
    lengths: Doubles

    def whole(self, *, states: bool) -> Floats:
        """The rows of a stage."""
        return np.hstack([self.rows, self.states]) if states else self.rows


def ask_of(body: bytes) -> Ask:
    """The ask of a chat request; an empty one where there is none."""
    try:
        return read_prompt(body, Endpoint.CHAT, _LIMITS).ask or _NOTHING
    except StreamError:
        return _NOTHING


def ask_of_chat(messages: Sequence[Mapping[str, Any]]) -> Ask:
    """The ask of a chat's messages."""
    return ask_of(msgspec.json.encode({"messages": messages}))


def ask_of_text(text: str) -> Ask:
    """The ask of a bare prompt."""
    return ask_of_chat([{"role": "user", "content": text}])


def make_material(
    asks: Iterable[Ask], featurizer: Featurizer, encoder: Encoder | None, watch: Watch
) -> Material:
    """Extract features, and states where there is an encoder: some 10 ms a prompt.

    Args:
        asks: at least one.
        featurizer: of the artifact.
        encoder: of the artifact; None: stage 1 alone.
        watch: called with the number done.
    """
    rows, states, lengths = [], [], []
    for number, ask in enumerate(asks, 1):
        features = featurizer.extract(ask)
        rows.append(features.row)
        states.append(encoder.states(features.ids) if encoder else np.zeros(0, np.float32))
        lengths.append(features.log_pieces)
        watch(number)
    return Material(np.array(rows), np.array(states), np.array(lengths))
