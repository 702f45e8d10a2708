"""The shape of all objects of Kubernetes: documents of JSON in, frozen structs out.

What is not declared is not read, so a newer Argo Rollouts with more fields is no fault. A null
counts as absent, as it does in Kubernetes.
"""

from typing import Any, Self

import msgspec

from weighbridge.errors import CanaryError

HASH_LABEL = "rollouts-pod-template-hash"
TIER_LABEL = "weighbridge.dev/tier"
MODEL_LABEL = "weighbridge.dev/model"
REVISION = "rollout.argoproj.io/revision"
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"


class Struct(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Root of all of them: camel case outside, absent fields at their defaults."""

    @classmethod
    def read(cls, document: dict[str, Any]) -> Self:
        """Take from a document of Kubernetes what is declared.

        Raises:
            CanaryError: a field has another type than Argo Rollouts gives it.
        """
        try:
            return msgspec.convert(_without_nulls(document), cls, strict=False)
        except msgspec.ValidationError as error:
            name = document.get("metadata", {}).get("name", "?")
            raise CanaryError(
                f"{cls.__name__} {name}: expected the shape that Argo Rollouts v1.9 gives it, "
                f"came: {error}"
            ) from error


class Owner(Struct, frozen=True):
    """Whom an object belongs to."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class Metadata(Struct, frozen=True):
    """What all objects have."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[Owner, ...] = ()


class Resource(Struct, frozen=True):
    """An object of Kubernetes."""

    metadata: Metadata = Metadata()

    def belongs_to(self, owner: "Resource") -> bool:
        """Whether `owner` owns it."""
        return owner.metadata.uid in {each.uid for each in self.metadata.owner_references}


class Condition(Struct, frozen=True):
    """One of the Rollout's conditions."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value if each is not None]
    return value
