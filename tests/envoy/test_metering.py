"""Token accounting by real Envoy: what is found in responses, and that they stay as they were."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import grpc
import pytest
from envoy_rig.expositions import total
from envoy_rig.requests import chat, client_of
from envoy_rig.rig import wait_until
from weighbridge.metering.otlp import EXPORT
from weighbridge_mesh.options import Endpoint, MeteringOptions

PATH = "/v1/chat/completions"
JSON, SSE = "application/json", "text/event-stream; charset=utf-8"
USAGE = '{"prompt_tokens":7,"total_tokens":12,"completion_tokens":5}'
WHOLE = '{"id":"x","choices":[{"message":{"content":"hello"}}],"usage":' + USAGE + "}"
STREAM = (
    'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
    + 'data: {"choices":[{"delta":{"content":" a"}}],"usage":null}\n\n' * 5
    + 'data: {"choices":[],"usage":'
    + USAGE
    + "}\n\ndata: [DONE]\n\n"
)
TOKENS = "weighbridge_tokens_total"
ESTIMATED = "weighbridge_estimated_tokens_total"
RECEIPTS = "access_logs.open_telemetry_access_log.weighbridge_meter."


@pytest.fixture(scope="module")
def metered(rig):
    """A metered Envoy and one without, before one pool that does as it is told."""
    pool, router, meter = rig.scripted_pool(), rig.router(), rig.meter("--users", "2")
    pools = {tier: [pool.endpoint] for tier in ("small", "large")}
    options = MeteringOptions(meter=meter.endpoint, user="%REQ(x-user)%", flush_s=0.05)
    envoy = rig.envoy(pools, [router.endpoint], metering=options)
    plain = rig.envoy(pools, [router.endpoint])
    with client_of(envoy) as client, client_of(plain) as unmetered:
        yield SimpleNamespace(envoy=envoy, meter=meter, client=client, plain=unmetered)


@pytest.fixture(autouse=True)
def settled(metered):
    """No receipt of an earlier test is under way."""

    def arrived():
        stats = metered.envoy.stats()
        return stats[f"{RECEIPTS}logs_written"] == stats["http.ingress.downstream_rq_total"]

    wait_until(arrived, "all receipts arrive")


def script(*pieces, kind=JSON, **fields):
    return {"pieces": list(pieces), "type": kind, **fields}


def counted(metered, name=TOKENS, **labels):
    return total(metered.meter.metrics(), name, **labels)


def requests_counted(metered):
    exposition = metered.meter.metrics()
    return sum(
        total(exposition, f"weighbridge_{kind}_requests_total") for kind in ("metered", "unmetered")
    )


def ask(metered, body, path=PATH, **options):
    """Send a request and wait until the meter has counted it."""
    before = requests_counted(metered)
    response = metered.client.post(path, json=body, **options)
    wait_until(lambda: requests_counted(metered) == before + 1, "the receipt arrives")
    return response


def gained(metered, act, **labels):
    """Prompt and completion tokens that the meter counts while `act` runs."""
    kinds = ("prompt", "completion")
    before = [counted(metered, kind=kind, **labels) for kind in kinds]
    act()
    return tuple(
        counted(metered, kind=kind, **labels) - was for kind, was in zip(kinds, before, strict=True)
    )


ANSWERS = {
    "whole": script(WHOLE),
    "whole-in-bits": script(*WHOLE, gap_ms=0),
    "stream": script(*STREAM.splitlines(keepends=True), kind=SSE, gap_ms=1),
    "empty-stream": script(kind=SSE),
    "no-json": script('\x00\xff{{"usage":', kind=JSON),
    "large": script("[" + "0.123456," * 300_000 + '{"usage":' + USAGE, kind=JSON),
    "unclosed": script('{"usage":{' + '"a":1,' * 5000, "}" * 10, kind=JSON, gap_ms=5),
    "error": script('{"error":{"message":"no","usage":3}}', status=400),
    "other": script('"usage":' + USAGE, kind="text/plain"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_no_byte_of_a_response_is_changed(metered, name):
    with_it = metered.client.post(PATH, json=ANSWERS[name])
    without = metered.plain.post(PATH, json=ANSWERS[name])

    assert (
        with_it.content
        == without.content
        == b"".join(piece.encode("latin-1") for piece in ANSWERS[name]["pieces"])
    )
    assert with_it.status_code == without.status_code
    assert _lasting(with_it) == _lasting(without)


def _lasting(response):
    own = {"date", "x-request-id"}
    return [(k, v) for k, v in response.headers.multi_items() if k not in own]


def test_events_of_a_stream_go_on_as_they_come(metered):
    body = script("data: 1\n\n", 'data: {"usage":', "null}\n\n", kind=SSE, gap_ms=700)
    with metered.client.stream("POST", PATH, json=body) as response:
        first = next(response.iter_raw())
    assert first == b"data: 1\n\n"


@pytest.mark.parametrize(("text", "kind"), [(WHOLE, JSON), (STREAM, SSE)], ids=["whole", "stream"])
def test_counts_are_found_wherever_a_response_is_cut(metered, text, kind):
    start = text.index('"usage":{')
    places = range(start - 4, start + len(USAGE) + 12, 3)

    def act():
        before = requests_counted(metered)
        for place in places:
            body = script(text[:place], text[place:], kind=kind, gap_ms=5)
            metered.client.post(PATH, json=body)
        wait_until(lambda: requests_counted(metered) == before + len(places), "the receipts")

    assert gained(metered, act) == (7 * len(places), 5 * len(places))


@pytest.mark.parametrize(
    "planted",
    [
        json.dumps({"choices": [{"message": {"content": f'"usage":{USAGE}'}}]}),
        json.dumps({"choices": [], "usage": None, "tools": ['{"usage":' + USAGE]}),
        json.dumps({"usage": {"prompt_tokens": {"type": "integer"}, "x": "_tokens"}}),
        json.dumps({"usage": {"prompt_tokens": -7, "completion_tokens": -5}}),
    ],
)
def test_nothing_but_a_usage_object_is_taken_for_one(metered, planted):
    assert gained(metered, lambda: ask(metered, script(planted))) == (0, 0)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ('{"prompt_tokens":1000000000000,"completion_tokens":1}', "implausible"),
        ('{"prompt_tokens":1,"completion_tokens":"many"}', "implausible"),
        ("null", "no-usage"),
    ],
)
def test_counts_that_can_not_be_are_said_to_be_missing(metered, counts, reason):
    name = "weighbridge_unmetered_requests_total"
    before = counted(metered, name, reason=reason)
    tokens = gained(metered, lambda: ask(metered, script('{"usage":' + counts + "}")))

    assert tokens == (0, 0)
    assert counted(metered, name, reason=reason) == before + 1


def test_a_stream_without_usage_is_estimated_by_its_events(metered):
    silent = STREAM.replace(USAGE, "null")
    before = counted(metered, ESTIMATED, kind="completion")
    ask(metered, script(silent, kind=SSE))

    # Five with a token, and the one in the place of the usage.
    assert counted(metered, ESTIMATED, kind="completion") == before + 6


@pytest.mark.parametrize("events", [3, 40])
def test_a_client_that_hangs_up_is_charged_for_what_it_got(metered, events):
    name = "weighbridge_unmetered_requests_total"
    head = 'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
    one = 'data: {"choices":[{"delta":{"content":" a"}}]}\n\n'
    hung_up = counted(metered, name, reason="hung-up")
    before = counted(metered, ESTIMATED, kind="completion")
    body = script(head + one * events, one, kind=SSE, gap_ms=30_000)
    with metered.client.stream("POST", PATH, json=body) as response:
        received = b""
        for piece in response.iter_raw():
            received += piece
            if received.count(b"data:") == events + 1:
                break
    wait_until(lambda: counted(metered, name, reason="hung-up") == hung_up + 1, "the receipt")

    assert counted(metered, ESTIMATED, kind="completion") == before + events


def test_continuous_usage_tells_what_a_client_that_hangs_up_got(metered):
    """As vLLM sends it with --enable-force-include-usage: each event has the usage so far."""
    events = [
        f'data: {{"choices":[{{}}],"usage":{{"prompt_tokens":7,"completion_tokens":{n}}}}}\n\n'
        for n in range(4)
    ]
    whole = counted(metered, "weighbridge_metered_requests_total", end="hung-up")

    def act():
        body = script("".join(events), "data: [DONE]\n\n", kind=SSE, gap_ms=30_000)
        with metered.client.stream("POST", PATH, json=body) as response:
            next(response.iter_raw())
        wait_until(
            lambda: counted(metered, "weighbridge_metered_requests_total", end="hung-up") > whole,
            "the receipt",
        )

    assert gained(metered, act) == (7, 3)


def test_a_pool_that_breaks_off_is_told_apart(metered):
    name = "weighbridge_unmetered_requests_total"
    before = counted(metered, name, reason="cut-off")
    with pytest.raises(Exception, match="peer closed"):
        metered.client.post(PATH, json=script(STREAM[:300], kind=SSE, gap_ms=50, cut=True))
    wait_until(lambda: counted(metered, name, reason="cut-off") == before + 1, "the receipt")


def test_tokens_are_those_of_the_team_and_the_user(metered):
    headers = {"x-team": "search", "x-user": "ann"}
    tokens = gained(metered, lambda: ask(metered, script(WHOLE), headers=headers), team="search")

    assert tokens == (7, 5)
    assert counted(metered, "weighbridge_user_tokens_total", user="ann", kind="prompt") == 7


def test_requests_that_have_no_tokens_leave_no_trace(metered):
    def act():
        assert metered.client.post("/v1/models", json=script(WHOLE)).status_code == 200
        ask(metered, script(WHOLE))

    assert gained(metered, act) == (7, 5)


def test_the_script_has_no_errors(metered):
    for answer in ANSWERS.values():
        metered.client.post(PATH, json=answer)
    stats = metered.envoy.stats()
    assert stats["http.ingress.lua.weighbridge_usage.errors"] == 0
    assert stats["http.ingress.lua.weighbridge_usage.executions"] > 0


def test_receipts_hold_nothing_that_was_said(rig, endpoints):
    exports = []
    server = grpc.server(ThreadPoolExecutor(1))
    service, _, method = EXPORT.strip("/").partition("/")
    handler = grpc.unary_unary_rpc_method_handler(lambda export, _: exports.append(export) or b"")
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    where = Endpoint("127.0.0.1", server.add_insecure_port("127.0.0.1:0"))
    server.start()
    options = MeteringOptions(meter=where, flush_s=0.05)
    envoy = rig.envoy(endpoints, [rig.router().endpoint], metering=options)
    with client_of(envoy) as client:
        body = chat("my secret is 4711")
        headers = {"authorization": "Bearer token-4711", "x-team": "blue"}
        answer = client.post(f"{PATH}?key=query-4711", json=body, headers=headers)
        wait_until(lambda: exports, "the receipt arrives")
    server.stop(None)

    assert "4711" in answer.text  # the pool told all of it back
    assert b"blue" in exports[0]
    assert b"4711" not in exports[0]


@pytest.mark.parametrize("trouble", [signal.SIGKILL, signal.SIGSTOP], ids=["gone", "hung"])
def test_a_meter_in_trouble_costs_receipts_and_nothing_else(rig, endpoints, trouble):
    router, meter = rig.router(), rig.meter()
    options = MeteringOptions(meter=meter.endpoint, flush_s=0.05)
    envoy = rig.envoy(endpoints, [router.endpoint], metering=options)
    with client_of(envoy) as client:
        meter.signal(trouble)
        assert client.post(PATH, json=chat()).status_code == 200
        wait_until(lambda: envoy.stats()[f"{RECEIPTS}logs_dropped"] >= 1, "drops are counted")
        if trouble is signal.SIGSTOP:
            meter.signal(signal.SIGCONT)
        else:
            meter.popen.wait()
            meter.start()
        wait_until(
            lambda: (
                client.post(PATH, json=chat()).status_code == 200
                and total(meter.metrics(), "weighbridge_unmetered_requests_total") >= 1
            ),
            "receipts arrive again",
        )
