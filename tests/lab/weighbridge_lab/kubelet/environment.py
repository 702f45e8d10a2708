"""The variables of a container: the image's, the cluster's, the pod's, and what they refer to."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from lightkube.models.core_v1 import Container, EnvFromSource, EnvVarSource
from lightkube.resources.core_v1 import ConfigMap, Secret

from weighbridge_lab.kubelet.downward import field_of, resource_of
from weighbridge_lab.kubelet.errors import ConfigError
from weighbridge_lab.kubelet.images import Image
from weighbridge_lab.kubelet.manifest import Manifest

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))?")


class Sources(Protocol):
    """Where values come from."""

    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """Give a ConfigMap, None where there is none."""
        ...

    def secret(self, namespace: str, name: str) -> Secret | None:
        """Give a Secret, None where there is none."""
        ...


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a pod runs.

    Attributes:
        address: the pod's.
        node_address: its node's.
        capacity: its node's.
        api_host: of the API server, as pods reach it.
        api_port: likewise.
    """

    address: str
    node_address: str
    capacity: Mapping[str, str]
    api_host: str
    api_port: int


class Environment:
    """Makes variables for the containers of one pod.

    Args:
        manifest: of the pod.
        place: where it runs.
        sources: of ConfigMaps and Secrets.
    """

    def __init__(self, manifest: Manifest, place: Place, sources: Sources) -> None:
        self._manifest = manifest
        self._place = place
        self._sources = sources

    def of(self, container: Container, image: Image) -> dict[str, str]:
        """Give the variables of a container.

        Raises:
            ConfigError: when a source that isn't optional is missing.
        """
        cluster = self._cluster()
        asked: dict[str, str] = {}
        for source in container.envFrom or ():
            asked |= self._all_of(source)
        for variable in container.env or ():
            if variable.valueFrom is None:
                text = expand(variable.value or "", {**cluster, **asked})
                asked[variable.name] = text
            elif (found := self._find(variable.valueFrom, container)) is not None:
                asked[variable.name] = found
        return {"PATH": _PATH, "HOME": "/", **image.env, **cluster, **asked}

    def _cluster(self) -> dict[str, str]:
        port = str(self._place.api_port)
        return {
            "HOSTNAME": self._manifest.hostname,
            "KUBERNETES_SERVICE_HOST": self._place.api_host,
            "KUBERNETES_SERVICE_PORT": port,
            "KUBERNETES_SERVICE_PORT_HTTPS": port,
        }

    def _all_of(self, source: EnvFromSource) -> dict[str, str]:
        prefix = source.prefix or ""
        reference = source.configMapRef or source.secretRef
        if reference is None:
            return {}
        read = self._config_map if source.configMapRef else self._secret
        values = self._values(read, reference.name, bool(reference.optional))
        return {f"{prefix}{key}": value for key, value in (values or {}).items()}

    def _find(self, source: EnvVarSource, container: Container) -> str | None:
        if ref := source.fieldRef:
            place = self._place
            return field_of(self._manifest, ref.fieldPath, place.address, place.node_address)
        if resource := source.resourceFieldRef:
            return resource_of(
                self._container(resource.containerName) or container,
                resource.resource,
                resource.divisor,
                self._place.capacity,
            )
        if key := source.configMapKeyRef:
            return self._key(self._config_map, key.name, key.key, bool(key.optional))
        if secret := source.secretKeyRef:
            return self._key(self._secret, secret.name, secret.key, bool(secret.optional))
        raise ConfigError(f"this kubelet can't read a variable from {source.to_dict()}")

    def _container(self, name: str | None) -> Container | None:
        return next((one for one in self._manifest.containers() if one.name == name), None)

    def _key(self, read: "_Read", name: str | None, key: str, optional: bool) -> str | None:
        values = self._values(read, name, optional)
        if values is None or (key not in values and optional):
            return None
        if key not in values:
            raise ConfigError(f"couldn't find key {key} in {self._manifest.namespace}/{name}")
        return values[key]

    def _values(self, read: "_Read", name: str | None, optional: bool) -> dict[str, str] | None:
        values = read(name or "")
        if values is None and not optional:
            kind = "secret" if read == self._secret else "configmap"
            raise ConfigError(f'{kind} "{name}" not found in {self._manifest.namespace}')
        return values

    def _config_map(self, name: str) -> dict[str, str] | None:
        found = self._sources.config_map(self._manifest.namespace, name)
        return None if found is None else dict(found.data or {})

    def _secret(self, name: str) -> dict[str, str] | None:
        found = self._sources.secret(self._manifest.namespace, name)
        if found is None:
            return None
        return {key: base64.b64decode(raw).decode() for key, raw in (found.data or {}).items()}


_Read = Callable[[str], dict[str, str] | None]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Put variables where ``$(NAME)`` stands; ``$$`` is a dollar, an unknown name stays."""

    def replace(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        if match[2] is None:
            return match[0]
        return variables.get(match[2], match[0])

    return _REFERENCE.sub(replace, text)


def command_of(container: Container, image: Image, variables: Mapping[str, str]) -> list[str]:
    """Give the command line: the container's words over the image's.

    Raises:
        ConfigError: when neither has any.
    """
    words = [expand(word, variables) for word in container.command or ()]
    arguments = [expand(word, variables) for word in container.args or ()]
    command = [*(words or image.entrypoint), *arguments]
    if not command:
        raise ConfigError(f"no command specified: the image {container.image} has none of its own")
    return command
