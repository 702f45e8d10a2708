"""What the files of a pod's volumes hold: ConfigMaps, Secrets, fields of the pod, tokens.

`Projector` turns a volume of the spec into a payload; where its sources change, the payload made
next differs, and that is all that an update is.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lightkube.models.core_v1 import (
    DownwardAPIVolumeFile,
    KeyToPath,
    ServiceAccountTokenProjection,
    Volume,
    VolumeProjection,
)

from weighbridge_lab.kubelet.api import PodApi, Token
from weighbridge_lab.kubelet.atomic import File
from weighbridge_lab.kubelet.downward import field_of, resource_of
from weighbridge_lab.kubelet.environment import Place
from weighbridge_lab.kubelet.errors import VolumeError
from weighbridge_lab.kubelet.manifest import Manifest

_DEFAULT_MODE = 0o644
_DEFAULT_TOKEN_S = 3600
# A token is asked for anew when this share of its life is over, as kubelets do.
_TOKEN_SHARE = 0.8
# Whatever an API server answers, it is not asked more often than this.
_LEAST_LIFE = timedelta(seconds=1)

Values = Mapping[str, bytes]


@dataclass(frozen=True)
class _Held:
    token: Token
    renew: datetime


class Projector:
    """Makes payloads for one pod.

    Args:
        api: source of ConfigMaps, Secrets and tokens.
        place: where the pod runs.
    """

    def __init__(self, api: PodApi, place: Place) -> None:
        self._api = api
        self._place = place
        self._tokens: dict[tuple[str | None, int], _Held] = {}

    async def payload(self, manifest: Manifest, volume: Volume) -> dict[str, File] | None:
        """Give what a volume holds now; None for a kind that has no such files.

        Raises:
            VolumeError: naming the source that is missing.
        """
        if source := volume.configMap:
            return self._config_map(
                manifest, source.name, source.items, source.optional, _mode(source.defaultMode)
            )
        if secret := volume.secret:
            return self._secret(
                manifest,
                secret.secretName,
                secret.items,
                secret.optional,
                _mode(secret.defaultMode),
            )
        if downward := volume.downwardAPI:
            return self._downward(manifest, downward.items or [], _mode(downward.defaultMode))
        if projected := volume.projected:
            files: dict[str, File] = {}
            for part in projected.sources or []:
                files |= await self._part(manifest, part, _mode(projected.defaultMode))
            return files
        return None

    @property
    def next_renewal(self) -> datetime | None:
        """When a token is to be asked for anew; None: there is none."""
        return min((held.renew for held in self._tokens.values()), default=None)

    async def _part(self, manifest: Manifest, part: VolumeProjection, mode: int) -> dict[str, File]:
        if source := part.configMap:
            return self._config_map(manifest, source.name, source.items, source.optional, mode)
        if secret := part.secret:
            return self._secret(manifest, secret.name, secret.items, secret.optional, mode)
        if downward := part.downwardAPI:
            return self._downward(manifest, downward.items or [], mode)
        if token := part.serviceAccountToken:
            return {token.path: File((await self._token(manifest, token)).text.encode(), mode)}
        raise VolumeError(f"this kubelet can't project {part.to_dict()}")

    def _config_map(
        self,
        manifest: Manifest,
        name: str | None,
        items: list[KeyToPath] | None,
        optional: bool | None,
        mode: int,
    ) -> dict[str, File]:
        found = self._api.config_map(manifest.namespace, name or "")
        if found is None and not optional:
            raise VolumeError(f'configmap "{name}" not found in {manifest.namespace}')
        values: dict[str, bytes] = {}
        if found is not None:
            values |= {key: text.encode() for key, text in (found.data or {}).items()}
            values |= _decode(found.binaryData)
        return _select(values, items, mode, bool(optional), f"configmap {name}")

    def _secret(
        self,
        manifest: Manifest,
        name: str | None,
        items: list[KeyToPath] | None,
        optional: bool | None,
        mode: int,
    ) -> dict[str, File]:
        found = self._api.secret(manifest.namespace, name or "")
        if found is None and not optional:
            raise VolumeError(f'secret "{name}" not found in {manifest.namespace}')
        values = _decode(found.data) if found is not None else {}
        return _select(values, items, mode, bool(optional), f"secret {name}")

    def _downward(
        self, manifest: Manifest, items: Iterable[DownwardAPIVolumeFile], mode: int
    ) -> dict[str, File]:
        return {
            item.path: File(self._own(manifest, item).encode(), _mode(item.mode, mode))
            for item in items
        }

    def _own(self, manifest: Manifest, item: DownwardAPIVolumeFile) -> str:
        place = self._place
        if ref := item.fieldRef:
            return field_of(manifest, ref.fieldPath, place.address, place.node_address)
        resource = item.resourceFieldRef
        if resource is None:
            raise VolumeError(f"{item.path}: expected fieldRef or resourceFieldRef, got neither")
        for container in manifest.containers():
            if container.name == resource.containerName:
                return resource_of(container, resource.resource, resource.divisor, place.capacity)
        raise VolumeError(f"{item.path}: there is no container {resource.containerName}")

    async def _token(self, manifest: Manifest, asked: ServiceAccountTokenProjection) -> Token:
        seconds = asked.expirationSeconds or _DEFAULT_TOKEN_S
        key = (asked.audience, seconds)
        now = datetime.now(UTC)
        held = self._tokens.get(key)
        if held is None or held.renew <= now:
            token = await self._api.token(manifest, asked.audience, seconds)
            life = (token.expires - now) * _TOKEN_SHARE
            held = _Held(token, now + max(life, _LEAST_LIFE))
            self._tokens[key] = held
        return held.token


def _mode(mode: int | None, default: int = _DEFAULT_MODE) -> int:
    return default if mode is None else mode


def _decode(values: Mapping[str, str] | None) -> dict[str, bytes]:
    return {key: base64.b64decode(text) for key, text in (values or {}).items()}


def _select(
    values: Values, items: list[KeyToPath] | None, mode: int, optional: bool, source: str
) -> dict[str, File]:
    if not items:
        return {key: File(content, mode) for key, content in values.items()}
    files = {}
    for item in items:
        if item.key in values:
            files[item.path] = File(values[item.key], _mode(item.mode, mode))
        elif not optional:
            raise VolumeError(f"{source} has no key {item.key}: expected one of {sorted(values)}")
    return files
