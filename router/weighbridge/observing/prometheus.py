"""Expressions in, series out, by the HTTP API of a Prometheus that somebody runs."""

import http.client
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from weighbridge.errors import ObservingError

_SECONDS: Final = 10.0
_SHOWN: Final = 80
"""Characters of what came instead of an answer."""
_WAYS_OUT: Final = (
    "start one with `weighbridge up --observe`, or name yours: --prometheus http://HOST:PORT"
)


@dataclass(frozen=True)
class Series:
    """The last value of one series, its name left out; NaN: no events to divide by."""

    labels: dict[str, str]
    value: float


class _Sample(msgspec.Struct, frozen=True):
    metric: dict[str, str]
    value: tuple[float, str]


class _Data(msgspec.Struct, frozen=True):
    result: list[_Sample] = []


class _Answer(msgspec.Struct, frozen=True):
    status: str
    data: _Data = _Data()
    error: str = ""


class Prometheus:
    """A Prometheus by its address.

    Args:
        url: such as http://127.0.0.1:9090, with a path where a proxy gives it one.

    Raises:
        ObservingError: for an address that is none.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")) or not urllib.parse.urlsplit(url).netloc:
            raise ObservingError(
                f"--prometheus: expected an address such as http://127.0.0.1:9090, came {url!r}"
            )
        self.url = url.rstrip("/")

    def ask(self, expr: str) -> list[Series]:
        """Evaluate an expression now.

        Raises:
            ObservingError: where nobody answers, or not as Prometheus does, or it refuses.
        """
        answer = self._understood(self._fetch(urllib.parse.urlencode({"query": expr})))
        if answer.status != "success":
            raise ObservingError(f"Prometheus at {self.url} refuses {expr!r}: {answer.error}")
        return [_series(each) for each in answer.data.result]

    def _fetch(self, query: str) -> bytes:
        address = f"{self.url}/api/v1/query?{query}"
        try:
            with urllib.request.urlopen(address, timeout=_SECONDS) as answer:  # noqa: S310 - http
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            # Prometheus says in the body what it did not like; a proxy says what it likes.
            with error:
                return bytes(error.read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ObservingError(
                f"no Prometheus answers at {self.url} ({_reason(error)}); {_WAYS_OUT}"
            ) from error

    def _understood(self, body: bytes) -> _Answer:
        try:
            return msgspec.json.decode(body, type=_Answer)
        except msgspec.DecodeError:
            came = body[:_SHOWN].decode(errors="replace")
            raise ObservingError(
                f"what answers at {self.url} is no Prometheus: expected the JSON of its API, came "
                f"{came!r}; {_WAYS_OUT}"
            ) from None


def _series(sample: _Sample) -> Series:
    labels = {name: value for name, value in sample.metric.items() if name != "__name__"}
    return Series(labels, float(sample.value[1]))


def _reason(error: Exception) -> Any:
    return error.reason if isinstance(error, urllib.error.URLError) else error
