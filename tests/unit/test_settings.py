"""Settings: each fault has its line, the environment beats the file, defaults are pinned."""

import json

import pytest
from pydantic import ValidationError
from unit.bodies import write_settings
from weighbridge.contract import Capability
from weighbridge.errors import SettingsError
from weighbridge.settings import Settings, load_settings

DEFAULTS = {
    "listen": {
        "address": "0.0.0.0:9002",
        "unix_socket": None,
        "tls": None,
        "metrics_address": "0.0.0.0:9090",
        "max_streams": 10_000,
        "drain_delay_s": 2.0,
        "drain_timeout_s": 10.0,
    },
    "tiers": {
        "small": {
            "models": ("gemma-small",),
            "context_window": 8192,
            "capabilities": {Capability.TOOLS, Capability.JSON_SCHEMA},
        },
        "large": {
            "models": ("llama-large",),
            "context_window": 131_072,
            "capabilities": {Capability.TOOLS, Capability.JSON_SCHEMA, Capability.VISION},
        },
    },
    "policy": {
        "threshold": 0.5,
        "easy_tier": "small",
        "hard_tier": "large",
        "fallback_tier": "large",
        "passive_tier": "small",
        "embeddings_tier": "small",
        "sticky": True,
        "honour_preference": False,
        "aliases": {
            "auto": "auto",
            "weighbridge/auto": "auto",
            "gpt-4o-mini": "auto",
            "gpt-4o": "auto",
        },
    },
    "limits": {
        "body_bytes": 16 * 1024 * 1024,
        "text_bytes": 2048,
        "earlier_asks": 16,
        "parts": 65_536,
        "bytes_per_token": 3.5,
        "image_tokens": 1024,
        "default_max_tokens": 256,
    },
    "classifier": {
        "artifact": None,
        "second_stage": False,
        "band": 0.2,
        "deadline_ms": 4.0,
        "queue": 8,
        "workers": 1,
    },
    "log": {"level": "info", "decision_sample": 1.0, "hash_key": None},
    "capture": {
        "folder": None,
        "sample": 0.01,
        "prompt_bytes": 32_768,
        "file_bytes": 8 * 1024 * 1024,
        "files": 16,
        "keep_s": 604_800.0,
        "redact": True,
        "redact_hook": None,
    },
    "tracing": {
        "enabled": False,
        "endpoint": "http://127.0.0.1:4318",
        "sample": 0.01,
        "queue": 2048,
    },
    "reload": {"interval_s": 1.0},
}

FAULTS = [
    ("limts: {}", "limts: there is no such setting"),
    ("policy: {treshold: 1}", "policy.treshold: there is no such setting"),
    ("_env_prefix: OTHER_", "_env_prefix: there is no such setting"),
    ("policy: {threshold: 1.5}", "policy.threshold: Input should be less than or equal to 1, "),
    ("policy: {threshold: .nan}", "policy.threshold: Input should be"),
    ("policy: {threshold: high}", "came 'high'"),
    ("policy: null", "policy: Input should be a valid dictionary"),
    ("policy: {easy_tier: tiny}", "policy.easy_tier names tier 'tiny', but the tiers are: small"),
    ("policy: {hard_tier: tiny}", "policy.hard_tier names tier 'tiny'"),
    ("policy: {fallback_tier: tiny}", "policy.fallback_tier names tier 'tiny'"),
    ("policy: {passive_tier: tiny}", "policy.passive_tier names tier 'tiny'"),
    ("policy: {embeddings_tier: tiny}", "policy.embeddings_tier names tier 'tiny'"),
    ("policy: {aliases: {gpt: tiny}}", "policy.aliases.gpt names tier 'tiny'"),
    ("policy: {easy_tier: Not A Name}", "policy.easy_tier: String should match pattern"),
    ("policy: {aliases: {gemma-small: large}}", "model 'gemma-small' is claimed by policy.aliases"),
    (
        "tiers: {small: {models: [m]}, large: {models: [m]}}",
        "model 'm' is claimed by tiers.small and tiers.large",
    ),
    ("tiers: {small: {context_window: 0}, large: {}}", "tiers.small.context_window: Input should"),
    ("tiers: {small: {capabilities: [smell]}, large: {}}", "tiers.small.capabilities"),
    ("tiers: {Small: {}, small: {}, large: {}}", "tiers.Small"),
    ("tiers: {}", "but the tiers are: none"),
    ("listen: {address: null}", "one of listen.address and listen.unix_socket must be set"),
    ("listen: {max_streams: 0}", "listen.max_streams: Input should be greater than or equal to 1"),
    ("listen: {drain_delay_s: -1}", "listen.drain_delay_s: Input should be greater than or equal"),
    ("listen: {drain_timeout_s: 3601}", "listen.drain_timeout_s: Input should be less than"),
    ("listen: {tls: {certificate: a.pem}}", "listen.tls.private_key: Field required"),
    ("limits: {body_bytes: 0}", "limits.body_bytes: Input should be greater"),
    ("limits: {text_bytes: 255}", "limits.text_bytes: Input should be greater"),
    ("limits: {text_bytes: 1048577}", "limits.text_bytes: Input should be less"),
    ("limits: {earlier_asks: 257}", "limits.earlier_asks: Input should be less"),
    ("limits: {parts: 63}", "limits.parts: Input should be greater"),
    ("limits: {bytes_per_token: 0.5}", "limits.bytes_per_token: Input should be greater"),
    ("limits: {image_tokens: -1}", "limits.image_tokens: Input should be greater"),
    ("limits: {default_max_tokens: -1}", "limits.default_max_tokens: Input should be greater"),
    ("tracing: {endpoint: collector:4318}", "tracing.endpoint: expected http://host:port"),
    ("tracing: {endpoint: 'ftp://c:1'}", "tracing.endpoint: expected http://host:port"),
    ("tracing: {endpoint: 'http://c:99999'}", "tracing.endpoint: expected http://host:port"),
    ("tracing: {endpoint: 'http://[::1'}", "tracing.endpoint: expected http://host:port"),
    ("tracing: {endpoint: 'http://c/?k=v'}", "tracing.endpoint: expected http://host:port"),
    ("tracing: {endpoint: 'http://u:p@c'}", "tracing.endpoint: expected a URL without a user"),
    ("tracing: {sample: 1.1}", "tracing.sample: Input should be less than or equal to 1"),
    ("tracing: {queue: 0}", "tracing.queue: Input should be greater"),
    ("classifier: {band: 1.5}", "classifier.band: Input should be less than or equal to 1"),
    ("classifier: {band: -0.1}", "classifier.band: Input should be greater"),
    ("classifier: {deadline_ms: 0}", "classifier.deadline_ms: Input should be greater than 0"),
    ("classifier: {deadline_ms: 1001}", "classifier.deadline_ms: Input should be less"),
    ("classifier: {queue: 0}", "classifier.queue: Input should be greater"),
    ("classifier: {queue: 10001}", "classifier.queue: Input should be less"),
    ("classifier: {workers: 0}", "classifier.workers: Input should be greater"),
    ("classifier: {workers: 65}", "classifier.workers: Input should be less"),
    (
        "classifier: {second_stage: perhaps}",
        "classifier.second_stage: Input should be a valid bool",
    ),
    ("log: {level: loud}", "log.level: Input should be 'debug', 'info', 'warning' or 'error'"),
    ("log: {decision_sample: 2}", "log.decision_sample: Input should be less"),
    ("capture: {sample: 1.5}", "capture.sample: Input should be less"),
    ("capture: {prompt_bytes: 255}", "capture.prompt_bytes: Input should be greater"),
    ("capture: {prompt_bytes: 262145}", "capture.prompt_bytes: Input should be less"),
    ("capture: {file_bytes: 1000}", "capture: expected file_bytes to be prompt_bytes or more"),
    ("capture: {files: 1}", "capture.files: Input should be greater"),
    ("capture: {files: 10001}", "capture.files: Input should be less"),
    ("capture: {keep_s: 59}", "capture.keep_s: Input should be greater"),
    ("capture: {keep_s: 31536001}", "capture.keep_s: Input should be less"),
    ("capture: {redact_hook: os.system}", "capture.redact_hook: String should match pattern"),
    ("capture: {redact_hook: a/b:c}", "capture.redact_hook: String should match pattern"),
    ("reload: {interval_s: -1}", "reload.interval_s: Input should be greater"),
]

UNREADABLE = [
    ("policy: [unclosed", "not YAML"),
    ("policy: {threshold: 0.1}\npolicy: {threshold: 0.9}", "key 'policy' stands twice"),
    ("policy:\n  threshold: 0.1\n  threshold: 0.9", "key 'threshold' stands twice"),
    ("- a list", "expected a mapping of sections, came list"),
    ("just words", "expected a mapping of sections, came str"),
    ("1: 2", "expected a mapping of sections"),
    ("policy: 2024-13-45", "month must be in 1..12"),
    ("? [a, list]\n: as key", "not YAML"),
    ("a: !!python/object:os.system x", "could not determine a constructor"),
    ("a: " + "[" * 700, "not YAML"),
]


@pytest.fixture(autouse=True)
def _no_variables_of_the_developer(monkeypatch):
    for name in ("POLICY__THRESHOLD", "POLICY__STICKY", "TIERS", "LIMITS__PARTS"):
        monkeypatch.delenv(f"WEIGHBRIDGE_{name}", raising=False)


@pytest.fixture
def load(tmp_path):
    return lambda text: load_settings(write_settings(tmp_path / "weighbridge.yaml", text))


def test_the_defaults_are_these():
    assert load_settings().model_dump() == DEFAULTS


def test_an_empty_file_means_the_defaults(load):
    assert load("# nothing yet\n") == load_settings()


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_each_fault_is_told_with_the_field_that_has_it(load, text, message):
    with pytest.raises(SettingsError) as raised:
        load(text)

    assert message in str(raised.value)
    assert "weighbridge.yaml" in str(raised.value)


def test_all_faults_are_told_at_once(load):
    with pytest.raises(SettingsError) as raised:
        load(
            "policy: {threshold: 7, easy_tier: tiny, colour: red}\n"
            "tiers: {small: {}, large: {context_window: 0}}\n"
            "limits: {parts: 1}\n"
            "log: {level: loud}\n"
        )

    first, *rest = str(raised.value).splitlines()
    assert first.endswith(": 6 fault(s)")
    told = {line.split(":")[0].split(" names")[0].strip() for line in rest}
    assert told == {
        "policy.threshold",
        "policy.easy_tier",
        "policy.colour",
        "tiers.large.context_window",
        "limits.parts",
        "log.level",
    }


def test_faults_in_names_are_told_together(load):
    with pytest.raises(SettingsError, match=r": 2 fault\(s\)") as raised:
        load("policy: {easy_tier: tiny, hard_tier: huge}")

    assert "policy.easy_tier" in str(raised.value)
    assert "policy.hard_tier" in str(raised.value)


@pytest.mark.parametrize(("text", "message"), UNREADABLE)
def test_a_file_that_is_no_mapping_of_sections_is_refused(load, text, message):
    with pytest.raises(SettingsError) as raised:
        load(text)

    assert message in str(raised.value)


def test_a_file_that_is_not_there_is_a_fault(tmp_path):
    with pytest.raises(SettingsError, match="can't be read: No such file"):
        load_settings(tmp_path / "absent.yaml")


def test_bytes_that_are_not_text_are_a_fault(tmp_path):
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00policy")

    with pytest.raises(SettingsError, match="not YAML"):
        load_settings(path)


def test_a_merge_key_may_stand_twice(load):
    settings = load(
        "tiers:\n"
        "  small: &base {context_window: 4096}\n"
        "  large:\n    <<: *base\n    <<: *base\n    models: [big]\n"
    )

    assert settings.tiers["large"].context_window == 4096


def test_a_faulty_hash_key_is_not_shown(load):
    with pytest.raises(SettingsError) as raised:
        load("log: {hash_key: 8675309}")

    assert "log.hash_key" in str(raised.value)
    assert "8675309" not in str(raised.value)


def test_a_hash_key_is_not_shown_when_settings_are_printed(load):
    assert "swordfish" not in repr(load("log: {hash_key: swordfish}"))


def test_a_long_wrong_value_is_cut(load):
    with pytest.raises(SettingsError) as raised:
        load(f"policy: {{threshold: {'x' * 5000}}}")

    assert len(str(raised.value)) < 400


def test_the_environment_beats_the_file(load, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_POLICY__THRESHOLD", "0.25")

    policy = load("policy: {threshold: 0.75, sticky: false}").policy

    assert (policy.threshold, policy.sticky) == (0.25, False)


def test_a_section_given_as_json_in_the_environment_joins_the_file(load, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_TIERS", '{"vision": {"capabilities": ["vision"]}}')

    tiers = load("tiers: {small: {}, large: {}}").tiers

    assert set(tiers) == {"small", "large", "vision"}
    assert tiers["vision"].capabilities == {Capability.VISION}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WEIGHBRIDGE_POLICY__THRESHOLD", "high", "policy.threshold"),
        ("WEIGHBRIDGE_POLICY__COLOUR", "red", "policy.colour"),
        ("WEIGHBRIDGE_TIERS", "{not json", "environment"),
    ],
)
def test_a_fault_in_the_environment_is_told(monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as raised:
        load_settings()

    assert message in str(raised.value).lower()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEIGHBRIDGE_PORT", "tcp://10.0.0.1:9002"),
        ("WEIGHBRIDGE_SERVICE_HOST", "10.0.0.1"),
        ("WEIGHBRIDGE_SERVICE_PORT_GRPC", "9002"),
        ("WEIGHBRIDGE_PORT_9002_TCP_ADDR", "10.0.0.1"),
        ("WEIGHBRIDGE_POLICY_PORT", "tcp://10.0.0.1:80"),
        ("WEIGHBRIDGE_LOG_SERVICE_HOST", "10.0.0.1"),
    ],
)
def test_the_variables_that_kubernetes_makes_of_services_are_ignored(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    assert load_settings().model_dump() == DEFAULTS


def test_settings_can_not_be_changed_in_place():
    settings = load_settings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.policy.threshold = 0.1
    with pytest.raises(ValidationError, match="frozen"):
        settings.reload = None


def test_the_schema_describes_every_section_and_each_field_says_why():
    schema = Settings.model_json_schema()

    assert set(schema["properties"]) == set(DEFAULTS)
    assert schema["additionalProperties"] is False
    for name, section in schema["$defs"].items():
        for field, spec in section.get("properties", {}).items():
            assert spec.get("description"), f"{name}.{field}"
    json.dumps(schema)
