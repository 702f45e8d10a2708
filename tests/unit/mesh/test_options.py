import pytest
from weighbridge_mesh.options import BootstrapOptions, Endpoint, FilterOptions, Pool
from weighbridge_mesh.proto import address, seconds

HERE = (Endpoint("127.0.0.1", 1),)


@pytest.mark.parametrize(
    ("text", "endpoint", "static"),
    [
        ("127.0.0.1:80", Endpoint("127.0.0.1", 80), True),
        ("[::1]:80", Endpoint("::1", 80), True),
        ("pool.example:80", Endpoint("pool.example", 80), False),
        ("unix:/run/a.sock", Endpoint(path="/run/a.sock"), True),
    ],
)
def test_endpoint_is_read(text, endpoint, static):
    assert Endpoint.parse(text) == endpoint
    assert endpoint.is_static is static


@pytest.mark.parametrize("text", ["", "host", ":80", "host:", "host:0", "host:65536", "host:http"])
def test_endpoint_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="expected host:port or unix:/path"):
        Endpoint.parse(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FilterOptions(message_timeout_s=0), "message_timeout_s"),
        (lambda: FilterOptions(body_bytes=0), "body_bytes"),
        (lambda: Pool("small", ()), "tier small: expected at least one endpoint"),
        (lambda: BootstrapOptions(fallback_tier="huge"), "one of small, large, came 'huge'"),
        (lambda: BootstrapOptions(router=()), "router: expected at least one"),
        (lambda: BootstrapOptions(admin=Endpoint("0.0.0.0", 9901)), "admin: expected a loopback"),
        (
            lambda: BootstrapOptions(pools=(Pool("a", HERE), Pool("a", HERE)), fallback_tier="a"),
            "each tier once",
        ),
    ],
)
def test_options_that_cannot_work_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(("value", "text"), [(0.2, "0.2s"), (600.0, "600s"), (0.0105, "0.011s")])
def test_durations_are_written_as_proto_json_does(value, text):
    assert seconds(value) == text


def test_addresses_are_sockets_or_pipes():
    assert address(Endpoint("::1", 2)) == {"socket_address": {"address": "::1", "port_value": 2}}
    assert address(Endpoint(path="/a")) == {"pipe": {"path": "/a"}}
