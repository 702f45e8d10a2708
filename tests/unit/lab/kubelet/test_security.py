import pytest
from unit.lab.kubelet.fakes import container, manifest
from weighbridge_lab.kubelet.errors import ConfigError
from weighbridge_lab.kubelet.images import Image
from weighbridge_lab.kubelet.security import identity_of


@pytest.mark.parametrize(
    ("own", "pod", "image", "user"),
    [
        ({}, {}, 0, 0),
        ({}, {}, 7, 7),
        ({}, {"runAsUser": 5}, 7, 5),
        ({"runAsUser": 3}, {"runAsUser": 5}, 7, 3),
        ({"runAsUser": 0}, {"runAsUser": 5}, 7, 0),
    ],
)
def test_the_container_decides_over_the_pod_and_the_pod_over_the_image(own, pod, image, user):
    identity = identity_of(
        manifest(securityContext=pod), container(securityContext=own), Image(user=image)
    )
    assert identity.user == user


@pytest.mark.parametrize(
    ("own", "pod"),
    [
        ({}, {"runAsNonRoot": True}),
        ({"runAsNonRoot": True}, {}),
        ({"runAsUser": 0}, {"runAsNonRoot": True, "runAsUser": 7}),
    ],
)
def test_root_is_refused_where_the_pod_forbids_it(own, pod):
    with pytest.raises(ConfigError, match="runAsNonRoot and image will run as root") as refused:
        identity_of(manifest(securityContext=pod), container(securityContext=own), Image())
    assert refused.value.reason == "CreateContainerConfigError"


def test_a_container_may_lift_what_its_pod_forbids():
    pod = manifest(securityContext={"runAsNonRoot": True})
    own = container(securityContext={"runAsNonRoot": False})
    assert identity_of(pod, own, Image()).user == 0


@pytest.mark.parametrize(
    ("spec", "own"),
    [({"hostNetwork": True}, {}), ({"hostPID": True}, {}), ({}, {"privileged": True})],
)
def test_what_would_open_the_walls_is_refused(spec, own):
    with pytest.raises(ConfigError, match="hostNetwork, hostPID or privileged"):
        identity_of(manifest(**spec), container(securityContext=own), Image())


def test_users_and_groups_have_names(tmp_path):
    context = {"runAsUser": 65532, "runAsGroup": 65533}
    identity = identity_of(manifest(), container(securityContext=context), Image())
    files = identity.write(tmp_path / "etc")
    assert "app:x:65532:65533:app:/:" in files["passwd"].read_text()
    assert "root:x:0:0:root:/:" in files["passwd"].read_text()
    assert "app:x:65533:" in files["group"].read_text()
