"""The benchmark's Envoy: the mesh's configuration, with the filter as the only difference."""

from weighbridge.bench.envoy import Target, bench_bootstrap
from weighbridge.contract import HEADER_REASON, Reason
from weighbridge_mesh.filter_chain import EXT_PROC

PORTS = {Target.PLAIN: 1001, Target.EMPTY: 1002, Target.ROUTER: 1003}


def rendered():
    resources = bench_bootstrap(PORTS, {Target.EMPTY: 2002, Target.ROUTER: 2003}, 1000)
    return resources["static_resources"]


def manager(listener):
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def test_each_target_has_a_listener_on_its_port():
    ports = {
        listener["name"]: listener["address"]["socket_address"]["port_value"]
        for listener in rendered()["listeners"]
    }

    assert ports == {target.value: port for target, port in PORTS.items()}


def test_the_filter_asks_a_cluster_of_its_own_and_plain_envoy_nobody():
    asked = {}
    for listener in rendered()["listeners"]:
        for each in manager(listener)["http_filters"]:
            if each["name"] == EXT_PROC:
                service = each["typed_config"]["grpc_service"]["envoy_grpc"]
                asked[listener["name"]] = service["cluster_name"]

    assert asked == {"empty": "bench-empty", "router": "bench-router"}
    assert [cluster["name"] for cluster in rendered()["clusters"]] == list(asked.values())


def test_the_listeners_differ_in_name_port_and_filter_alone():
    def common(listener):
        shared = {
            key: value
            for key, value in manager(listener).items()
            if key not in {"http_filters", "access_log"}
        }
        return shared, listener["per_connection_buffer_limit_bytes"]

    plain, empty, router = map(common, rendered()["listeners"])

    assert plain == empty == router


def test_a_request_that_nobody_weighed_is_told_from_a_decision():
    for listener in rendered()["listeners"]:
        (host,) = manager(listener)["route_config"]["virtual_hosts"]
        *decided, catch_all = (
            {
                each["header"]["key"]: each["header"]["value"]
                for each in route["response_headers_to_add"]
            }
            for route in host["routes"]
        )

        assert catch_all[HEADER_REASON] == Reason.FAIL_OPEN
        assert {route[HEADER_REASON] for route in decided} == {f"%REQ({HEADER_REASON})%"}


def test_every_route_answers_by_itself():
    for listener in rendered()["listeners"]:
        for host in manager(listener)["route_config"]["virtual_hosts"]:
            for route in host["routes"]:
                assert "route" not in route
                assert route["direct_response"]["status"] == 200
