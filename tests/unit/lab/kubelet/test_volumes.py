import base64
from datetime import timedelta

import msgspec
import pytest
from lightkube.models.core_v1 import Volume
from unit.lab.kubelet.fakes import PLACE, FakeApi, config_map, container, manifest, secret
from weighbridge_lab.kubelet.errors import VolumeError
from weighbridge_lab.kubelet.images import ImageTable
from weighbridge_lab.kubelet.projection import Projector
from weighbridge_lab.kubelet.volumes import Volumes

SETTINGS = config_map(**{"a.yaml": "one: 1", "b": "2"})
KEYS = secret(token=base64.b64encode(b"hush").decode())
IMAGES = '{weights: {root: "{here}"}, tool: {entrypoint: [tool]}}'
ACCOUNT = {"serviceAccountToken": {"audience": "istio-ca", "expirationSeconds": 600, "path": "t"}}


def pod(*volumes, **metadata):
    return manifest(metadata, volumes=list(volumes))


async def payload(volume, *objects, labels=None):
    api = FakeApi(SETTINGS, KEYS, *objects)
    source = pod(volume, labels=labels or {})
    made = await Projector(api, PLACE).payload(source, msgspec.convert(volume, Volume))
    return {path: (file.content.decode(), file.mode) for path, file in made.items()}


@pytest.mark.parametrize(
    ("volume", "files"),
    [
        (
            {"configMap": {"name": "settings"}},
            {"a.yaml": ("one: 1", 0o644), "b": ("2", 0o644)},
        ),
        (
            {
                "configMap": {
                    "name": "settings",
                    "defaultMode": 0o440,
                    "items": [
                        {"key": "b", "path": "x/b"},
                        {"key": "b", "path": "c", "mode": 0o400},
                    ],
                }
            },
            {"x/b": ("2", 0o440), "c": ("2", 0o400)},
        ),
        ({"configMap": {"name": "absent", "optional": True}}, {}),
        (
            {
                "configMap": {
                    "name": "settings",
                    "optional": True,
                    "items": [{"key": "absent", "path": "x"}],
                }
            },
            {},
        ),
        ({"secret": {"secretName": "keys"}}, {"token": ("hush", 0o644)}),
        (
            {
                "downwardAPI": {
                    "items": [
                        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
                        {
                            "path": "cpu",
                            "resourceFieldRef": {"containerName": "main", "resource": "limits.cpu"},
                        },
                    ]
                }
            },
            {"labels": ('app="x"', 0o644), "cpu": ("32", 0o644)},
        ),
        (
            {
                "projected": {
                    "defaultMode": 0o600,
                    "sources": [
                        {"configMap": {"name": "settings", "items": [{"key": "b", "path": "b"}]}},
                        {"secret": {"name": "keys"}},
                        ACCOUNT,
                    ],
                }
            },
            {"b": ("2", 0o600), "token": ("hush", 0o600), "t": ("token-1", 0o600)},
        ),
    ],
)
async def test_a_volume_holds_what_its_sources_say(volume, files):
    assert await payload({"name": "v", **volume}, labels={"app": "x"}) == files


@pytest.mark.parametrize(
    ("volume", "complaint"),
    [
        ({"configMap": {"name": "absent"}}, 'configmap "absent" not found in llm'),
        ({"secret": {"secretName": "absent"}}, 'secret "absent" not found in llm'),
        (
            {"configMap": {"name": "settings", "items": [{"key": "c", "path": "c"}]}},
            r"has no key c: expected one of \['a.yaml', 'b'\]",
        ),
    ],
)
async def test_a_missing_source_is_named(volume, complaint):
    with pytest.raises(VolumeError, match=complaint):
        await payload({"name": "v", **volume})


async def test_a_token_is_for_its_audience_and_kept_until_most_of_its_life_is_over():
    api = FakeApi()
    projector = Projector(api, PLACE)
    volume = {"name": "v", "projected": {"sources": [ACCOUNT]}}
    source = manifest(volumes=[volume], serviceAccountName="router")
    for _ in range(2):
        await projector.payload(source, msgspec.convert(volume, Volume))
    assert api.tokens == [("router", "istio-ca", 600)]


async def test_a_token_near_its_end_is_asked_for_anew(monkeypatch):
    api = FakeApi()
    projector = Projector(api, PLACE)
    monkeypatch.setattr("weighbridge_lab.kubelet.projection._LEAST_LIFE", timedelta(0))
    api.token_life = timedelta(0)
    volume = {"name": "v", "projected": {"sources": [ACCOUNT]}}
    for _ in range(2):
        await projector.payload(pod(volume), msgspec.convert(volume, Volume))
    assert len(api.tokens) == 2


@pytest.fixture
def api():
    return FakeApi(SETTINGS, KEYS)


@pytest.fixture
def volumes(tmp_path, api):
    (tmp_path / "images.yaml").write_text(IMAGES)
    images = ImageTable(tmp_path / "images.yaml", {"here": str(tmp_path)})
    return Volumes(tmp_path / "volumes", Projector(api, PLACE), images)


LIVE = {"name": "live", "configMap": {"name": "settings"}}


async def test_a_change_of_the_source_reaches_the_files(volumes, api, tmp_path):
    await volumes.fill(pod(LIVE))
    api.add(config_map(b="new"))
    await volumes.update(pod(LIVE))
    assert (tmp_path / "volumes" / "live" / "b").read_text() == "new"
    assert not (tmp_path / "volumes" / "live" / "a.yaml").exists()


async def test_a_source_that_is_lost_leaves_the_files_as_they_are(volumes, api, tmp_path):
    await volumes.fill(pod(LIVE))
    api.drop(SETTINGS)
    await volumes.update(pod(LIVE))
    assert (tmp_path / "volumes" / "live" / "b").read_text() == "2"


async def test_a_volume_that_cannot_be_is_refused(volumes):
    with pytest.raises(VolumeError, match="volume v: this kubelet knows configMap, secret"):
        await volumes.fill(pod({"name": "v", "nfs": {"server": "s", "path": "/"}}))


@pytest.mark.parametrize(
    ("volume", "mount", "writable"),
    [
        (LIVE, {}, False),
        ({"name": "live", "emptyDir": {}}, {}, True),
        ({"name": "live", "emptyDir": {"medium": "Memory"}}, {"readOnly": True}, False),
        ({"name": "live", "image": {"reference": "example.org/weights:1"}}, {}, False),
    ],
)
async def test_only_an_empty_dir_may_be_written_to(volumes, volume, mount, writable):
    source = pod(volume)
    await volumes.fill(source)
    mounts = [{"name": "live", "mountPath": "/m", **mount}]
    (made,) = volumes.mounts(source, container(volumeMounts=mounts), {})
    assert (made.target, made.writable) == ("/m", writable)


async def test_an_image_shows_its_root(volumes, tmp_path):
    source = pod({"name": "v", "image": {"reference": "example.org/weights@sha256:ab"}})
    await volumes.fill(source)
    mounts = [{"name": "v", "mountPath": "/models"}]
    (made,) = volumes.mounts(source, container(volumeMounts=mounts), {})
    assert made.source == tmp_path


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("tool:1", "volume v: the image tool:1 has no root to show"),
        ("nope", "volume v: no programme stands for the image nope"),
    ],
)
async def test_an_image_that_is_no_volume_is_refused(volumes, reference, complaint):
    with pytest.raises(VolumeError, match=complaint):
        await volumes.fill(pod({"name": "v", "image": {"reference": reference}}))


@pytest.mark.parametrize("inside", [{"subPath": "a.yaml"}, {"subPathExpr": "$(FILE)"}])
async def test_a_sub_path_is_the_file_as_it_is_now(volumes, inside):
    source = pod(LIVE)
    await volumes.fill(source)
    mounts = [{"name": "live", "mountPath": "/m", **inside}]
    (made,) = volumes.mounts(source, container(volumeMounts=mounts), {"FILE": "a.yaml"})
    assert made.source.read_text() == "one: 1"
    assert not made.source.is_symlink()
    assert "..data" not in made.source.parts


async def test_a_sub_path_of_an_empty_dir_is_made(volumes):
    source = pod({"name": "live", "emptyDir": {}})
    await volumes.fill(source)
    mounts = [{"name": "live", "mountPath": "/m", "subPath": "deep/er"}]
    (made,) = volumes.mounts(source, container(volumeMounts=mounts), {})
    assert made.source.is_dir()


@pytest.mark.parametrize(
    ("inside", "complaint"),
    [("../x", "expected a path inside"), ("/x", "expected a path inside"), ("absent", "no absent")],
)
async def test_a_sub_path_that_leads_nowhere_is_refused(volumes, inside, complaint):
    source = pod(LIVE)
    await volumes.fill(source)
    mounts = [{"name": "live", "mountPath": "/m", "subPath": inside}]
    with pytest.raises(VolumeError, match=complaint):
        volumes.mounts(source, container(volumeMounts=mounts), {})


async def test_a_host_path_is_mounted_where_it_lies(volumes, tmp_path):
    source = pod({"name": "h", "hostPath": {"path": str(tmp_path)}})
    await volumes.fill(source)
    mounts = [{"name": "h", "mountPath": "/h", "readOnly": True}]
    (made,) = volumes.mounts(source, container(volumeMounts=mounts), {})
    assert (made.source, made.writable) == (tmp_path.resolve(), False)


@pytest.mark.parametrize(("inside", "made"), [({}, "is_dir"), ({"subPath": "b"}, "is_file")])
async def test_a_volume_in_a_read_only_one_finds_its_place_there_and_keeps_it(
    volumes, api, tmp_path, inside, made
):
    other = {"name": "other", "configMap": {"name": "settings"}}
    source = pod(LIVE, other)
    await volumes.fill(source)
    mounts = [
        {"name": "live", "mountPath": "/m"},
        {"name": "other", "mountPath": "/m/deep/er", **inside},
    ]
    volumes.mounts(source, container(volumeMounts=mounts), {})
    place = tmp_path / "volumes" / "live" / "deep" / "er"
    assert getattr(place, made)()

    api.add(config_map(b="new"))
    await volumes.update(source)
    assert getattr(place, made)()
