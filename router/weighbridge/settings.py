"""Settings by concern: YAML file, then environment, validated whole, all faults reported at once.

A variable ``WEIGHBRIDGE_POLICY__THRESHOLD=0.6`` overrides ``policy.threshold`` of the file. Each
field says its unit and why its default is what it is; `weighbridge schema` prints them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from weighbridge.contract import MODEL_PREFIX, PREFER_AUTO, Capability
from weighbridge.errors import SettingsError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

ENV_PREFIX = "WEIGHBRIDGE_"

Seconds = Annotated[float, Field(ge=0, le=3600)]
Bytes = Annotated[int, Field(ge=1)]
Ratio = Annotated[float, Field(ge=0, le=1)]
TierName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tls(_Section):
    """Server TLS of the gRPC port; with `client_ca` the peer must present a certificate."""

    certificate: Path = Field(description="PEM chain. No default: TLS is on when named.")
    private_key: Path = Field(description="PEM key of the certificate.")
    client_ca: Path | None = Field(None, description="PEM of the CA that client certificates need.")


def _host_and_port(address: str) -> str:
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) <= _MOST_PORT):
        raise ValueError(f"expected host:port with a port up to 65535, came {address!r}")
    return address


_MOST_PORT = 65_535
Address = Annotated[str, AfterValidator(_host_and_port)]


class Listen(_Section):
    """Where the router is reached, and how it leaves."""

    address: Address | None = Field(
        "0.0.0.0:9002",
        description="host:port of ext_proc and gRPC health over TCP. null turns TCP off.",
    )
    unix_socket: Path | None = Field(
        None, description="Socket for a gateway in the same pod. Off: most routers are remote."
    )
    tls: Tls | None = Field(None, description="Off by default: in a mesh, the mesh encrypts.")
    metrics_address: Address | None = Field(
        "0.0.0.0:9090",
        description="host:port of /metrics. Its own port, so that policy can tell the two apart.",
    )
    max_streams: int = Field(
        10_000, ge=1, description="Streams served at once, per router; past it Envoy fails open."
    )
    drain_delay_s: Seconds = Field(
        2.0,
        description="Seconds between NOT_SERVING and refusing streams: two health-check periods.",
    )
    drain_timeout_s: Seconds = Field(
        10.0,
        description="Seconds that streams in flight get to end. A decision takes milliseconds.",
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.address is None and self.unix_socket is None:
            raise ValueError("one of listen.address and listen.unix_socket must be set")
        return self


class Tier(_Section):
    """One pool, as far as the router has to know it."""

    models: tuple[str, ...] = Field(
        (), description="Model names that mean this tier outright. None: only weighbridge/<tier>."
    )
    context_window: int = Field(
        8192, ge=1, description="Tokens of prompt and answer together. 8,192 is Gemma 2's."
    )
    capabilities: frozenset[Capability] = Field(
        frozenset({Capability.TOOLS, Capability.JSON_SCHEMA}),
        description="What the pool can do beyond text. vLLM parses tools and schemas itself.",
    )


class Policy(_Section):
    """How a score becomes a tier."""

    threshold: Ratio = Field(
        0.5, description="Scores from here up go to hard_tier. Half, until traffic is calibrated."
    )
    easy_tier: TierName = Field("small", description="Tier below the threshold.")
    hard_tier: TierName = Field("large", description="Tier from the threshold up.")
    fallback_tier: TierName = Field(
        "large",
        description="Tier of what can't be weighed: quality is not lost, only money.",
    )
    passive_tier: TierName = Field(
        "small", description="Tier of requests with nothing to weigh, such as GET /v1/models."
    )
    embeddings_tier: TierName = Field(
        "small",
        description="Tier of all embeddings: vectors of two models can't be compared.",
    )
    sticky: bool = Field(
        True, description="A conversation that was once hard stays with hard_tier."
    )
    honour_preference: bool = Field(
        False, description="Obey x-weighbridge-prefer. Off: a client could take the large pool."
    )
    aliases: Mapping[str, str] = Field(
        {
            "auto": PREFER_AUTO,
            "weighbridge/auto": PREFER_AUTO,
            "gpt-4o-mini": PREFER_AUTO,
            "gpt-4o": PREFER_AUTO,
        },
        description="Model name to tier, or to 'auto' for a weighing. Unknown names are weighed.",
    )


class Limits(_Section):
    """Bounds on the work that one request can cause."""

    body_bytes: Bytes = Field(
        16 * 1024 * 1024,
        description="Bodies beyond are routed unread; keep Envoy's buffer limit equal.",
    )
    text_bytes: int = Field(
        2048,
        ge=256,
        le=1024 * 1024,
        description="Bytes read of one long text, half from each end: about 512 tokens.",
    )
    earlier_asks: int = Field(
        16, ge=0, le=256, description="Earlier user turns that are weighed for stickiness."
    )
    parts: int = Field(
        65_536,
        ge=64,
        description="Objects in a body (messages, parts) beyond which it is routed unread.",
    )
    bytes_per_token: float = Field(
        3.5, ge=1, le=16, description="To estimate tokens. English is near 4.5, code near 3.5."
    )
    image_tokens: int = Field(
        1024,
        ge=0,
        description="Tokens that one image is taken for. Large vision models: 256-1,600.",
    )
    default_max_tokens: int = Field(
        256, ge=0, description="Answer tokens assumed where the request names none."
    )


class Classifier(_Section):
    """Which classifier artifact is served, and when its second stage is asked."""

    artifact: Path | None = Field(
        None, description="Folder of the artifact. null: the one that ships with this package."
    )
    second_stage: bool = Field(
        False,
        description="Ask the artifact's second stage about prompts near the threshold. Off: it "
        "takes milliseconds of a core for each of them.",
    )
    band: Ratio = Field(
        0.2,
        description="Scores this near to policy.threshold are asked about again. 0.2 either side: "
        "two fifths of the calibration traffic.",
    )
    deadline_ms: float = Field(
        4.0,
        gt=0,
        le=1000,
        description="Milliseconds that the second stage gets, waiting included; then the first "
        "stage's answer stands. 4: a decision ends within 5.",
    )
    queue: int = Field(
        8,
        ge=1,
        le=10_000,
        description="Most prompts that wait for the second stage or are in it. Few: those behind "
        "would wait for their deadline alone.",
    )
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Threads of the second stage, a core each. One: the event loop needs its own.",
    )


class Log(_Section):
    """What the router writes to standard output."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity written."
    )
    decision_sample: Ratio = Field(
        1.0, description="Share of decisions logged. All: a line costs a few microseconds."
    )
    hash_key: SecretStr | None = Field(
        None,
        description="Key of the prompt hash. null: a random one per process, so that a log alone "
        "can't confirm a guessed prompt.",
    )


class Capture(_Section):
    """Prompts kept for `weighbridge learn`. Off by default; nothing else ever stores a prompt."""

    folder: Path | None = Field(
        None,
        description="Folder of the prompts kept. null: none are. The router makes it, mode 0700.",
    )
    sample: Ratio = Field(
        0.01, description="Share of weighed requests kept. Little, until somebody wants more."
    )
    prompt_bytes: int = Field(
        32_768,
        ge=256,
        le=256 * 1024,
        description="Longer bodies are not kept, not even in part: no half prompt can be labelled. "
        "32 KiB are about 8,000 tokens, the window of the small pool.",
    )
    file_bytes: Bytes = Field(
        8 * 1024 * 1024, description="Size at which a file is closed. All files: 128 MiB."
    )
    files: int = Field(
        16, ge=2, le=10_000, description="Most files in the folder; the oldest is deleted first."
    )
    keep_s: float = Field(
        604_800.0,
        ge=60,
        le=31_536_000,
        description="Seconds until a prompt is deleted. A week: time to fetch it, and no archive.",
    )
    redact: bool = Field(
        True,
        description="Put marks in place of e-mail addresses, numbers of phones, cards, accounts, "
        "and of keys and passwords. On: nobody needs them to judge an answer.",
    )
    redact_hook: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$",
        description="Own function, package.module:function, that takes a text and returns what may "
        "be kept of it, or None. One that fails keeps nothing.",
    )

    @model_validator(mode="after")
    def _files_hold_a_prompt(self) -> Self:
        if self.file_bytes < self.prompt_bytes:
            raise ValueError("expected file_bytes to be prompt_bytes or more")
        return self


def _collector_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        known = False
    if not known or parts.query or parts.fragment:
        raise ValueError("expected http://host:port or https://host:port, with or without a path")
    if "@" in parts.netloc:
        raise ValueError("expected a URL without a user: it would stand in logs")
    return url


class Tracing(_Section):
    """Spans of decisions, by OTLP over HTTP. Off by default; read at start. Never a prompt."""

    enabled: bool = Field(False, description="Record spans. Off: somebody must run a collector.")
    endpoint: Annotated[str, AfterValidator(_collector_url)] = Field(
        "http://127.0.0.1:4318",
        description="Base URL of the collector; /v1/traces is added. OTLP's own port, on this "
        "machine.",
    )
    sample: Ratio = Field(
        0.01,
        description="Share of decisions recorded where the gateway does not trace. Where it does, "
        "its own sampling counts. Little: a trace is an example.",
    )
    queue: int = Field(
        2048,
        ge=1,
        le=1_000_000,
        description="Most spans that wait for the collector, a second's worth; past it they are "
        "dropped and counted.",
    )


class Reload(_Section):
    """How changes of the settings file and the artifact are noticed."""

    interval_s: Seconds = Field(
        1.0, description="Seconds between looks at the files. 0 turns reloading off."
    )


class Settings(BaseSettings):
    """The whole of the router's settings; immutable, one object per generation."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        title="Weighbridge router settings",
    )

    listen: Listen = Field(default_factory=Listen)
    tiers: dict[TierName, Tier] = Field(
        default_factory=lambda: {
            "small": Tier(models=("gemma-small",)),
            "large": Tier(
                models=("llama-large",),
                context_window=131_072,
                capabilities=frozenset(Capability) - {Capability.AUDIO},
            ),
        },
        description="Tiers by name, smallest first. The default pair is the one of models/chart.",
    )
    policy: Policy = Field(default_factory=Policy)
    limits: Limits = Field(default_factory=Limits)
    classifier: Classifier = Field(default_factory=Classifier)
    log: Log = Field(default_factory=Log)
    capture: Capture = Field(default_factory=Capture)
    tracing: Tracing = Field(default_factory=Tracing)
    reload: Reload = Field(default_factory=Reload)

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        faults = [
            *(
                ["tiers: 'auto' means a weighing, and can't name a tier"]
                * (PREFER_AUTO in self.tiers)
            ),
            *_unknown_tiers(self.policy.model_dump(), list(self.tiers)),
            *_contested_models(self),
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment before the file, whose values come as keyword arguments."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def load_settings(path: Path | None = None) -> Settings:
    """Read `path` (YAML; None: defaults alone) and the environment.

    Raises:
        SettingsError: with one line per fault, each naming the field, what was expected and came.
    """
    values = _read_yaml(path) if path else {}
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_explain(error, path, values)) from error
    except ValueError as error:  # an environment variable that is not JSON where JSON is due
        raise SettingsError(f"environment: {error}") from error


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_bytes(), Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise SettingsError(f"{path}: can't be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        # PyYAML lets a ValueError through for a date that does not exist.
        raise SettingsError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise SettingsError(f"{path}: expected a mapping of sections, came {type(values).__name__}")
    if own := [key for key in values if key.startswith("_")]:
        # pydantic-settings would take `_env_prefix` and its like for its own arguments.
        raise SettingsError(f"{path}: {own[0]}: there is no such setting")
    return values


def _unknown_tiers(policy: Mapping[str, Any], tiers: Sequence[str]) -> list[str]:
    """Faults of a policy that names tiers which are not there."""
    named = {f"policy.{field}": policy[field] for field in policy if field.endswith("_tier")}
    aliases = policy.get("aliases")
    if isinstance(aliases, Mapping):
        named |= {f"policy.aliases.{a}": t for a, t in aliases.items() if t != PREFER_AUTO}
    known = ", ".join(map(str, tiers)) or "none"
    return [
        f"{where} names tier {tier!r}, but the tiers are: {known}"
        for where, tier in named.items()
        if tier not in tiers
    ]


def _contested_models(settings: "Settings") -> list[str]:
    """Faults of model names that would mean two things."""
    owner: dict[str, str] = dict.fromkeys(settings.policy.aliases, "policy.aliases")
    faults = []
    for tier, spec in settings.tiers.items():
        for model in (*spec.models, MODEL_PREFIX + tier):
            if model in owner:
                faults.append(f"model {model!r} is claimed by {owner[model]} and tiers.{tier}")
            owner[model] = f"tiers.{tier}"
    return faults


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML takes the last of two equal keys in silence; a threshold set twice must be told."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.value in seen and key_node.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key_node.value!r} stands twice", key_node.start_mark
                )
            seen.add(str(key_node.value))
        return super().construct_mapping(node, deep)


def _explain(error: ValidationError, path: Path | None, values: Mapping[str, Any]) -> str:
    lines = [line for fault in error.errors(include_url=False) for line in _fault_lines(fault)]
    if not any(fault["loc"] == () for fault in error.errors(include_url=False)):
        # Names are compared once all fields are valid; a person wants these faults now as well.
        policy, tiers = values.get("policy"), values.get("tiers")
        if isinstance(policy, Mapping) and isinstance(tiers, Mapping):
            lines += _unknown_tiers(policy, list(tiers))
    return "\n  ".join([f"{path or 'settings'}: {len(lines)} fault(s)", *lines])


def _fault_lines(fault: "ErrorDetails") -> list[str]:
    where = ".".join(str(step) for step in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    if not where:
        return message.split("; ")
    if fault["type"] == "extra_forbidden":
        return [f"{where}: there is no such setting"]
    hidden = fault["type"] in _SELF_EXPLAINED or where in _HIDDEN
    came = "" if hidden else f", came {_short(fault['input'])}"
    return [f"{where}: {message}{came}"]


_SELF_EXPLAINED = frozenset({"value_error", "missing"})
_HIDDEN = frozenset({"log.hash_key"})
_SHORT = 60


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHORT else text[:_SHORT] + "…"
