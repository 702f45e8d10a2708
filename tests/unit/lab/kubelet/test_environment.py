import base64

import pytest
from unit.lab.kubelet.fakes import PLACE, FakeApi, config_map, container, manifest, secret
from weighbridge_lab.kubelet.environment import Environment, command_of, expand
from weighbridge_lab.kubelet.errors import ConfigError
from weighbridge_lab.kubelet.images import Image

KEY = secret(password=base64.b64encode(b"hush").decode())


def variables(*, objects=(), pod=None, image=None, **fields):
    environment = Environment(pod or manifest(), PLACE, FakeApi(*objects))
    return environment.of(container(**fields), image or Image())


def ref(kind, **fields):
    return [{"name": "V", "valueFrom": {kind: fields}}]


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"),
        ("$(A)-$(A)", "1-1"),
        ("$(UNKNOWN)", "$(UNKNOWN)"),
        ("$$(A)", "$(A)"),
        ("$$", "$"),
        ("$A ${A} $", "$A ${A} $"),
        ("$(A", "$(A"),
    ],
)
def test_references_are_expanded_as_the_api_defines_them(text, expanded):
    assert expand(text, {"A": "1"}) == expanded


def test_a_variable_may_refer_to_those_before_it_only():
    asked = [{"name": "A", "value": "1$(B)"}, {"name": "B", "value": "2$(A)"}]
    found = variables(env=asked)
    assert (found["A"], found["B"]) == ("1$(B)", "21$(B)")


def test_pods_reach_the_api_server_by_the_usual_variables():
    found = variables()
    assert found["KUBERNETES_SERVICE_HOST"] == "10.244.0.1"
    assert found["KUBERNETES_SERVICE_PORT"] == "6443"
    assert found["HOSTNAME"] == "pod"


def test_what_the_pod_says_beats_what_the_image_says():
    image = Image(env={"A": "image", "B": "image"})
    found = variables(image=image, env=[{"name": "A", "value": "pod"}])
    assert (found["A"], found["B"]) == ("pod", "image")


@pytest.mark.parametrize(
    ("asked", "value"),
    [
        (ref("fieldRef", fieldPath="metadata.name"), "pod"),
        (ref("fieldRef", fieldPath="status.podIP"), "10.244.1.0"),
        (ref("fieldRef", fieldPath="status.hostIP"), "10.244.0.1"),
        (ref("resourceFieldRef", resource="limits.cpu"), "32"),
        (ref("configMapKeyRef", name="settings", key="k"), "v"),
        (ref("secretKeyRef", name="keys", key="password"), "hush"),
    ],
)
def test_a_value_comes_from_its_source(asked, value):
    assert variables(objects=[config_map(k="v"), KEY], env=asked)["V"] == value


@pytest.mark.parametrize(
    "asked",
    [
        ref("configMapKeyRef", name="absent", key="k", optional=True),
        ref("configMapKeyRef", name="settings", key="absent", optional=True),
        ref("secretKeyRef", name="absent", key="k", optional=True),
    ],
)
def test_an_optional_source_may_be_missing(asked):
    assert "V" not in variables(objects=[config_map(k="v")], env=asked)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (ref("configMapKeyRef", name="absent", key="k"), 'configmap "absent" not found in llm'),
        (ref("configMapKeyRef", name="settings", key="k2"), "couldn't find key k2 in llm/settings"),
        (ref("secretKeyRef", name="absent", key="k"), 'secret "absent" not found in llm'),
        (ref("fieldRef", fieldPath="spec.secret"), "no field spec.secret"),
        (ref("resourceFieldRef", resource="cpu"), "expected limits.NAME"),
    ],
)
def test_a_missing_source_is_named(asked, complaint):
    with pytest.raises(ConfigError, match=complaint):
        variables(objects=[config_map(k="v")], env=asked)


def test_all_of_a_source_is_taken_with_its_prefix():
    sources = [
        {"configMapRef": {"name": "settings"}, "prefix": "S_"},
        {"secretRef": {"name": "keys"}},
        {"configMapRef": {"name": "absent", "optional": True}},
    ]
    found = variables(objects=[config_map(k="v"), KEY], envFrom=sources)
    assert (found["S_k"], found["password"]) == ("v", "hush")


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({}, ["image", "--flag"]),
        ({"args": ["$(A)"]}, ["image", "--flag", "1"]),
        ({"command": ["own", "$$(A)"]}, ["own", "$(A)"]),
        ({"command": ["own"], "args": ["x"]}, ["own", "x"]),
    ],
)
def test_a_containers_words_stand_over_the_images(fields, command):
    image = Image(entrypoint=("image", "--flag"))
    assert command_of(container(**fields), image, {"A": "1"}) == command


def test_no_command_at_all_is_refused():
    with pytest.raises(ConfigError, match="the image tool:1 has none of its own"):
        command_of(container(), Image(), {})
