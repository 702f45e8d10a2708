"""The Envoy of the side by side: every way into it leads to the same pool."""

from weighbridge.bench.peers.envoy import POOL_HEADER, Side, peers_bootstrap
from weighbridge_mesh.filter_chain import EXT_PROC

PORTS = {Side.PLAIN: 1001, Side.EMPTY: 1002, Side.ROUTER: 1003, Side.LITELLM: 1004}


def rendered():
    asked = {Side.EMPTY: 2002, Side.ROUTER: 2003}
    return peers_bootstrap(PORTS, asked, 3000, 1000)["static_resources"]


def manager(listener):
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def test_litellm_has_a_door_of_its_own():
    ports = {
        each["name"]: each["address"]["socket_address"]["port_value"]
        for each in rendered()["listeners"]
    }

    assert ports == {"plain": 1001, "empty": 1002, "router": 1003, "pool": 3000}


def test_clusters_are_those_that_filters_ask_and_one_of_each_pool():
    names = [cluster["name"] for cluster in rendered()["clusters"]]

    assert names == ["bench-empty", "bench-router", "tier-small", "tier-large"]


def test_both_pools_are_the_listener_that_answers():
    for cluster in rendered()["clusters"][2:]:
        (endpoints,) = cluster["load_assignment"]["endpoints"]
        (endpoint,) = endpoints["lb_endpoints"]
        address = endpoint["endpoint"]["address"]["socket_address"]
        assert address["port_value"] == 3000


def test_the_ways_in_differ_in_their_first_filter_alone():
    plain, empty, router, _ = rendered()["listeners"]
    first = [manager(each)["http_filters"][0] for each in (plain, empty, router)]

    assert [each["name"] for each in first] == ["envoy.filters.http.buffer", EXT_PROC, EXT_PROC]
    routes = [manager(each)["route_config"] for each in (plain, empty, router)]
    assert routes[0] == routes[1] == routes[2]


def test_the_pool_says_which_path_was_asked_and_always_the_same():
    (host,) = manager(rendered()["listeners"][-1])["route_config"]["virtual_hosts"]
    told = {
        route["match"]["prefix"]: [
            each["header"]["value"]
            for each in route["response_headers_to_add"]
            if each["header"]["key"] == POOL_HEADER
        ]
        for route in host["routes"]
    }

    assert told == {"/small/": ["small"], "/large/": ["large"], "/": []}
    assert len({route["direct_response"]["body"]["inline_string"] for route in host["routes"]}) == 1
