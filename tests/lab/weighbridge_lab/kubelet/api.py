"""What a kubelet says to the API server about its pods, and asks of it for them.

`PodApi` is the seam: pods know it and nothing else of Kubernetes, so tests put a fake there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast

import httpx2
from lightkube import AsyncClient
from lightkube.config import client_adapter
from lightkube.config.kubeconfig import SingleConfig
from lightkube.models.authentication_v1 import (
    BoundObjectReference,
    TokenRequestSpec,
)
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, PodStatus, Secret, ServiceAccountToken
from lightkube.types import PatchType

from weighbridge_lab.kubelet.manifest import Manifest
from weighbridge_lab.kubelet.store import Store

Status = Mapping[str, Any]
_GONE = frozenset({404, 409})


@dataclass(frozen=True)
class Token:
    """A service account's token.

    Attributes:
        text: what is sent.
        expires: when it ends.
    """

    text: str
    expires: datetime


class PodApi(Protocol):
    """The API server, as one pod needs it."""

    async def report(self, manifest: Manifest, status: Status) -> bool:
        """Store a pod's status; False: it could not be, and the pod may be gone."""
        ...

    async def remove(self, manifest: Manifest) -> None:
        """Remove a pod that has ended, at once; one of the same name that came later stays."""
        ...

    async def token(self, manifest: Manifest, audience: str | None, seconds: int) -> Token:
        """Ask for a token of the pod's service account, bound to the pod."""
        ...

    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """Give a ConfigMap, None where there is none."""
        ...

    def secret(self, namespace: str, name: str) -> Secret | None:
        """Give a Secret, None where there is none."""
        ...


class Cluster:
    """The real one.

    Args:
        client: typed requests.
        config: the client's; for the one request that the client can't make.
        config_maps: as followed.
        secrets: as followed.
    """

    def __init__(
        self,
        client: AsyncClient,
        config: SingleConfig,
        config_maps: Store[ConfigMap],
        secrets: Store[Secret],
    ) -> None:
        self._client = client
        self._http = client_adapter.AsyncClient(
            config, client_adapter.ConnectionParams(trust_env=False)
        )
        self._config_maps = config_maps
        self._secrets = secrets

    async def report(self, manifest: Manifest, status: Status) -> bool:
        """Store a pod's status; False: it could not be, and the pod may be gone.

        A strategic merge leaves alone the conditions of others: the scheduler's, and those behind
        readiness gates. The uid in it keeps it from a later pod of the same name.

        Raises:
            httpx2.HTTPError: when the API server can't be asked.
        """
        body = {"metadata": {"uid": manifest.uid}, "status": status}
        try:
            await self._client.patch(
                PodStatus,
                manifest.name,
                cast("Any", body),
                namespace=manifest.namespace,
                patch_type=PatchType.STRATEGIC,
            )
        except httpx2.HTTPStatusError as error:
            if error.response.status_code not in _GONE:
                raise
            return False
        return True

    async def remove(self, manifest: Manifest) -> None:
        """Remove a pod that has ended.

        Raises:
            httpx2.HTTPError: when the API server can't be asked.
        """
        # lightkube's delete sends no body, and so no precondition.
        path = f"/api/v1/namespaces/{manifest.namespace}/pods/{manifest.name}"
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": manifest.uid}}
        answer = await self._http.request("DELETE", path, json=options)
        if answer.status_code not in _GONE:
            answer.raise_for_status()

    async def token(self, manifest: Manifest, audience: str | None, seconds: int) -> Token:
        """Ask for a token of the pod's service account.

        Raises:
            httpx2.HTTPError: when there is no such account, or no answer.
        """
        pod = BoundObjectReference(
            apiVersion="v1", kind="Pod", name=manifest.name, uid=manifest.uid
        )
        spec = TokenRequestSpec(
            audiences=[audience] if audience else [],
            boundObjectRef=pod,
            expirationSeconds=seconds,
        )
        answer = await self._client.create(
            ServiceAccountToken(metadata=ObjectMeta(namespace=manifest.namespace), spec=spec),
            manifest.spec.serviceAccountName or "default",
            namespace=manifest.namespace,
        )
        status = cast("Any", answer.status)
        return Token(status.token, status.expirationTimestamp)

    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """Give a ConfigMap, None where there is none."""
        return self._config_maps.get(namespace, name)

    def secret(self, namespace: str, name: str) -> Secret | None:
        """Give a Secret, None where there is none."""
        return self._secrets.get(namespace, name)
