import ssl
import stat

import pytest
import yaml
from weighbridge_lab.layout import Layout
from weighbridge_lab.pki import FRONT_PROXY, write_pki


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    layout = Layout(tmp_path_factory.mktemp("lab") / "state")
    layout.make()
    write_pki(layout, 54_321)
    return layout


def test_certificate_of_the_api_server_is_the_ca_s_and_names_its_addresses(layout):
    context = ssl.create_default_context(cafile=layout.pki / "ca.crt")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(layout.pki / "apiserver.crt", layout.pki / "apiserver.key")
    for name in ("127.0.0.1", "10.244.0.1", "kubernetes.default.svc"):
        assert shake_hands(context, server, name)


def test_certificate_that_hands_requests_on_is_of_a_ca_that_signs_nothing_else(layout):
    front, cluster = (layout.pki / f"{name}ca.crt" for name in ("front-proxy-", ""))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(layout.pki / "front-proxy.crt", layout.pki / "front-proxy.key")
    assert shake_hands(ssl.create_default_context(cafile=front), server, FRONT_PROXY)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(ssl.create_default_context(cafile=cluster), server, FRONT_PROXY)


def shake_hands(client_context, server_context, name):
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    done = set()
    for _ in range(6):
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                pass
    return len(done) == 2


def test_two_kubeconfigs_differ_in_the_way_in_alone(layout):
    outside = yaml.safe_load(layout.kubeconfig.read_text())
    inside = yaml.safe_load(layout.inner_kubeconfig.read_text())
    assert outside["clusters"][0]["cluster"].pop("server") == "https://127.0.0.1:54321"
    assert inside["clusters"][0]["cluster"].pop("server") == "https://10.244.0.1:6443"
    assert outside == inside


def test_keys_are_for_their_owner_alone(layout):
    for folder in (layout.state, layout.pki):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for kubeconfig in (layout.kubeconfig, layout.inner_kubeconfig):
        assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
