"""A command line that was written for `vllm serve` in, one that this simulator takes out.

So a chart's pod can run the simulator in vLLM's place, its arguments unchanged. Only flags that are
listed here are taken for vLLM's: a misspelled flag of either is refused, as ever.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_NAMES: Final = "--served-model-name"
_RENAMED: Final[Mapping[str, str]] = {
    "--enable-prefix-caching": "--prefix-caching",
    "--no-enable-prefix-caching": "--no-prefix-caching",
    "--shutdown-timeout": "--drain-seconds",
}
"""vLLM's flags that mean something here."""

_VALUED: Final = frozenset(
    {
        "--chat-template",
        "--disable-access-log-for-endpoints",
        "--download-dir",
        "--dtype",
        "--gpu-memory-utilization",
        "--kv-cache-dtype",
        "--max-num-batched-tokens",
        "--model",
        "--pipeline-parallel-size",
        "--quantization",
        "--revision",
        "--speculative-config",
        "--tensor-parallel-size",
        "--tool-call-parser",
        "--uvicorn-log-level",
    }
)
"""Flags that it has no use for; a value follows."""
_SWITCHES: Final = frozenset(
    {"--enable-auto-tool-choice", "--enforce-eager", "--trust-remote-code"}
)
"""Flags that it has no use for, on their own."""


@dataclass(frozen=True)
class Translation:
    """A command line for the simulator.

    Attributes:
        arguments: what it takes.
        ignored: words of vLLM's that mean nothing here.
    """

    arguments: tuple[str, ...]
    ignored: tuple[str, ...]


def translate(words: Sequence[str]) -> Translation:
    """Turn vLLM's words into the simulator's; the simulator's own stay as they are.

    A first word that is no flag is vLLM's model, and names that follow one
    ``--served-model-name`` get one each.
    """
    model = words[:1] if words and not words[0].startswith("-") else ()
    taken: list[str] = []
    ignored = list(model)
    rest = iter(words[len(model) :])
    for word in rest:
        flag, equals, value = word.partition("=")
        if flag == _NAMES and not equals:
            names, following = _names(rest)
            taken += [part for name in names for part in (_NAMES, name)]
            rest_of = translate(following)
            return Translation((*taken, *rest_of.arguments), (*ignored, *rest_of.ignored))
        if flag in _SWITCHES:
            ignored.append(word)
        elif flag in _VALUED:
            ignored += [word] if equals else [word, next(rest, "")]
        else:
            taken.append(f"{_RENAMED.get(flag, flag)}{equals}{value}")
    return Translation(tuple(taken), tuple(ignored))


def _names(words: Iterator[str]) -> tuple[list[str], list[str]]:
    """Split what follows the flag for names: up to the next flag, and from there."""
    left = list(words)
    end = next((at for at, word in enumerate(left) if word.startswith("-")), len(left))
    return left[:end], left[end:]
