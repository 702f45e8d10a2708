"""One generation: settings, classifier and policy that belong together, swapped as a whole.

Each request takes the generation in service when its decision begins and keeps it. A watcher looks
at the files; what it can't load it refuses, and the old generation serves on.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec

from weighbridge.artifact import MANIFEST, PACKAGED, load_artifact
from weighbridge.classifier import Classifier, make_classifier
from weighbridge.contract import ReloadResult
from weighbridge.drift import BINS
from weighbridge.errors import WeighbridgeError
from weighbridge.metrics import Metrics
from weighbridge.policy import Policy
from weighbridge.settings import Settings, load_settings

_log = logging.getLogger(__name__)
_DIGEST_CHARS = 12
Stamp = tuple[object, ...]


class Generation(msgspec.Struct, frozen=True):
    """What decides requests at one time.

    Attributes:
        number: 1 for the first, one more with each swap.
        settings: as validated.
        classifier: built of the artifact that the settings name.
        policy: built of the settings.
        settings_digest: short SHA-256 of the settings, defaults and environment included.
        artifact_digest: short SHA-256 of the artifact's manifest.
        sources: files it was made of, each with its stamp from before it was read.
    """

    number: int
    settings: Settings
    classifier: Classifier
    policy: Policy
    settings_digest: str
    artifact_digest: str
    sources: dict[Path, Stamp]

    @classmethod
    def load(cls, path: Path | None, artifact: Path | None = None, number: int = 1) -> Self:
        """Load a generation whole.

        Args:
            path: settings file; None: defaults and environment.
            artifact: overrides `classifier.artifact` of the settings.
            number: of the generation.

        Raises:
            SettingsError: for settings that can't be used.
            ArtifactError: for an artifact that can't be used.
        """
        sources = {path: _stamp(path)} if path else {}
        settings = load_settings(path)
        folder = artifact or settings.classifier.artifact or PACKAGED
        sources[folder / MANIFEST] = _stamp(folder / MANIFEST)
        loaded = load_artifact(folder)
        return cls(
            number=number,
            settings=settings,
            classifier=make_classifier(loaded, second_stage=settings.classifier.second_stage),
            policy=Policy(settings),
            settings_digest=_digest(settings),
            artifact_digest=loaded.digest[:_DIGEST_CHARS],
            sources=sources,
        )

    def is_same_as(self, other: "Generation") -> bool:
        """Whether both would decide every request alike."""
        return (self.settings_digest, self.artifact_digest) == (
            other.settings_digest,
            other.artifact_digest,
        )


def _digest(settings: Settings) -> str:
    values = settings.model_dump(exclude={"log": {"hash_key"}})
    # Sets have no order of their own, and two routers should show one digest.
    raw = msgspec.json.encode(values, order="deterministic", enc_hook=str)
    return hashlib.sha256(raw).hexdigest()[:_DIGEST_CHARS]


class Generations:
    """Holds the generation in service and replaces it when its files change.

    Args:
        path: settings file; None: defaults and environment.
        artifact: overrides `classifier.artifact` of the settings.
        metrics: told of each generation.
        prepare: called with the settings of a generation before it serves; what it raises refuses
            the generation.
    """

    def __init__(
        self,
        path: Path | None,
        artifact: Path | None,
        metrics: Metrics,
        prepare: Callable[[Settings], None] = lambda _: None,
    ) -> None:
        self._path = path
        self._artifact = artifact
        self._metrics = metrics
        self._prepare = prepare
        self._fault = ""
        self.current = Generation.load(path, artifact)
        prepare(self.current.settings)
        self._seen = self.current.sources
        self._announce()

    async def watch(self) -> None:
        """Look at the files for ever; a look that fails is logged, the next one is taken."""
        while interval := self.current.settings.reload.interval_s:
            await asyncio.sleep(interval)
            try:
                await asyncio.to_thread(self.refresh)
            except Exception:  # noqa: BLE001 - serving matters more than reloading
                self._metrics.record_failure("internal")
                _log.exception("the files could not be looked at")

    def refresh(self) -> bool:
        """Look once; True if a new generation serves. A faulty one is refused and logged.

        After a refusal each look tries again: the fault may lie in a file that the generation in
        service does not use.
        """
        seen = {path: _stamp(path) for path in self._seen}
        if seen == self._seen and not self._fault:
            return False
        self._seen = seen
        try:
            loaded = Generation.load(self._path, self._artifact, self.current.number + 1)
            self._prepare(loaded.settings)
        except WeighbridgeError as error:
            self._refuse(error)
            return False
        self._fault = ""
        self._seen = loaded.sources
        if loaded.is_same_as(self.current):
            return False
        self.current = loaded
        self._metrics.record_reload(ReloadResult.LOADED)
        self._announce()
        return True

    def _refuse(self, error: WeighbridgeError) -> None:
        if str(error) == self._fault:
            return
        self._fault = str(error)
        self._metrics.record_reload(ReloadResult.REFUSED)
        self._metrics.record_failure(error.label)
        _log.error("reload refused, generation %d serves on: %s", self.current.number, error)

    def _announce(self) -> None:
        now = self.current
        self._metrics.record_generation(
            now.number,
            now.settings_digest,
            now.artifact_digest,
            now.classifier.name,
            now.classifier.calibration.expected_shares(BINS),
        )
        _log.info(
            "generation in service",
            extra={
                "fields": {
                    "generation": now.number,
                    "settings": now.settings_digest,
                    "artifact": now.artifact_digest,
                    "classifier": now.classifier.name,
                    "stages": 1 + now.classifier.has_second_stage,
                    "threshold": now.settings.policy.threshold,
                }
            },
        )


def _stamp(path: Path) -> Stamp:
    """What changes with a file's content, also when Kubernetes swaps the symlink above it."""
    try:
        stat = path.stat()
    except OSError as error:
        return (error.errno,)
    return (os.path.realpath(path), stat.st_ino, stat.st_mtime_ns, stat.st_size)
