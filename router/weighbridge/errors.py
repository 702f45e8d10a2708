"""The failure tree. Each class says its metric label and which reason the client's request gets.

::

    WeighbridgeError
    ├── SettingsError          the settings can't be used: refused at start, ignored on reload
    ├── ArtifactError          the classifier's files can't be used: likewise
    ├── LocalError             `weighbridge up` or `bench` can't run here: printed, exit status 1
    ├── RecordError            a file of prompts, labels or decisions can't be used: likewise
    ├── LearnError             `weighbridge learn` can't go on: likewise; what was paid for is kept
    ├── CanaryError            `weighbridge canary` can't read the cluster: likewise
    ├── ObservingError         `weighbridge top` can't read Prometheus: likewise
    └── StreamError            one request's trouble: it is routed to the fallback tier
        ├── BodyUnparsedError      reason ``unparsed``
        ├── BodyOversizedError     reason ``oversized``
        ├── OverloadError          too many streams: refused, Envoy fails open
        └── ProtocolError          the peer broke ext_proc: the stream is refused, Envoy fails open
"""

from typing import ClassVar

from weighbridge.contract import Reason


class WeighbridgeError(Exception):
    """Root of all failures that this package raises on purpose."""

    label: ClassVar[str] = "internal"


class SettingsError(WeighbridgeError):
    """Settings that can't be used; the message lists every fault, one a line."""

    label = "settings"


class ArtifactError(WeighbridgeError):
    """A classifier artifact that is missing, damaged or of an unknown kind."""

    label = "artifact"


class LocalError(WeighbridgeError):
    """A local command can't run on this machine; the message says the way out."""

    label = "local"


class RecordError(WeighbridgeError):
    """A file of prompts, labels or decisions that can't be used; the message names the line."""

    label = "record"


class LearnError(WeighbridgeError):
    """A step of `weighbridge learn` can't go on; the message says the way out."""

    label = "learn"


class CanaryError(WeighbridgeError):
    """The cluster can't be asked about canaries; the message says the way out."""

    label = "canary"


class ObservingError(WeighbridgeError):
    """Prometheus can't be asked, or knows nothing of us; the message says the way out."""

    label = "observing"


class StreamError(WeighbridgeError):
    """One request could not be weighed; `reason` is what its decision says."""

    label = "stream"
    reason: ClassVar[Reason] = Reason.ERROR


class BodyUnparsedError(StreamError):
    """The body is not a request that any of the known API shapes describes."""

    label = "unparsed"
    reason = Reason.UNPARSED


class BodyOversizedError(StreamError):
    """The body is larger, or holds more parts, than the router is willing to read."""

    label = "oversized"
    reason = Reason.OVERSIZED


class OverloadError(StreamError):
    """More streams than `listen.max_streams` are open."""

    label = "overload"


class ProtocolError(StreamError):
    """The peer sent a message that ext_proc does not allow here."""

    label = "protocol"
