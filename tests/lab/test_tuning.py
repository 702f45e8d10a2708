"""The recipes of docs/sre-guide.md, applied as they are written there, and what clients see."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import yaml
from envoy_rig.requests import EASY, HARD, chat, decision
from lab.asking import (
    CHAT,
    ask,
    client_of,
    log_lines,
    prompt_of_decile,
    tiers,
    until_answered,
)
from lab.chances import likely
from lab.stage import put_back, remove
from lab.watching import NAMESPACE, ROUTER, answered, clusters, endpoints, in_flight, total
from weighbridge_lab.errors import CommandError
from weighbridge_lab.installation import until_rolled_out
from weighbridge_lab.issuer import Issuer
from weighbridge_lab.pools import POOLS_NAMESPACE, pool
from weighbridge_lab.settling import generations
from weighbridge_lab.waiting import until

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
REMOTE_ADDRESS = "192.0.2.10"
DRAWS = 300


@pytest.fixture(scope="module")
def prompt(lab):
    """A prompt by its decile, found before anything is changed."""
    found = {}

    def of(*deciles):
        if deciles not in found:
            with client_of(lab.gateway) as client:
                found[deciles] = prompt_of_decile(client, *deciles)
        return found[deciles]

    return of


@pytest.fixture
def tune(lab, mesh):
    """Install the mesh's chart with recipes, and wait until the gateway goes by them."""

    def install(*names, **more):
        mesh(*(recipe(name) for name in names), more)
        lab.until_settled()

    return install


@pytest.fixture
def extra_pool(lab):
    """Further pools, for one test."""
    made = []

    def make(name, tier, **options):
        manifests = pool(name, tier, **options)
        made.extend(manifests)
        lab.apply(manifests)
        until_rolled_out(lab.cluster, POOLS_NAMESPACE, f"deployment/{name}")

    yield make
    remove(lab, made)


@pytest.fixture(scope="class")
def tenants(lab):
    lab.install_mesh(recipe("mesh-tenant"))
    lab.until_settled()
    yield
    put_back(lab)


@pytest.fixture(scope="class")
def drained(lab):
    lab.install_mesh(recipe("mesh-drain-large"))
    lab.until_settled()
    yield
    put_back(lab)


class TestThreshold:
    def test_configmap_is_taken_while_the_router_serves(self, lab, client, router, prompt):
        del router
        text = prompt(2, 3)
        before = running(lab)
        assert decision(ask(client, text)) == ("small", "score")

        write_threshold(lab, 0.2)

        until_routers_say(lab, client, text, "large")
        assert running(lab) == before

    def test_upgrade_of_the_chart_is_taken_while_the_router_serves(
        self, lab, client, router, prompt
    ):
        text = prompt(5, 6)
        before = running(lab)
        assert decision(ask(client, text)) == ("large", "score")

        router(recipe("router-threshold"))

        until_routers_say(lab, client, text, "small")
        assert running(lab) == before

    def test_faulty_settings_are_refused_and_the_old_ones_serve(self, lab, client, router, prompt):
        del router
        text = prompt(5, 6)
        before = generations(lab)
        refused = total(lab, 'weighbridge_reloads_total{result="refused"}')

        write_threshold(lab, 7)

        until(
            "each router refuses",
            lambda: (
                total(lab, 'weighbridge_reloads_total{result="refused"}') == refused + len(before)
            ),
        )
        assert generations(lab) == before
        assert "policy.threshold" in lab.kubectl("logs", f"deploy/{ROUTER}", f"-n={NAMESPACE}")
        assert decision(ask(client, text)) == ("large", "score")

    def test_faulty_values_are_refused_by_name(self, router):
        with pytest.raises(CommandError, match="threshold"):
            router({"settings": {"policy": {"threshold": 7}}})

    def test_helm_asks_before_it_takes_back_what_kubectl_wrote(self, lab, router):
        write_threshold(lab, 0.2)

        with pytest.raises(CommandError, match="conflict"):
            router(recipe("router-threshold"))
        router(recipe("router-threshold"), force=True)

        assert "threshold: 0.7" in settings(lab)


class TestDeciles:
    def test_hard_begins_earlier_on_one_path(self, client, tune, router, prompt):
        text = prompt(6, 7)
        router({"settings": {"policy": {"threshold": 0.9}}})
        tune("mesh-decile-by-path")
        responses = {"model": "auto", "input": text, "max_output_tokens": 2}

        there = client.post("/v1/responses", json=responses)
        elsewhere = ask(client, text)
        easy = client.post("/v1/responses", json={**responses, "input": EASY})

        assert decision(there) == ("large", "score")
        assert there.json()["model"] == "llama-3.3-70b-instruct"
        assert decision(elsewhere) == ("small", "score")
        assert decision(easy) == ("small", "score")

    def test_a_tenth_of_one_decile_goes_to_large(self, client, tune, prompt):
        tune("mesh-decile-share")

        served = tiers(client, DRAWS, text=prompt(5))

        assert served.count("large") in likely(DRAWS, 0.10)
        assert served.count("small") == DRAWS - served.count("large")
        assert decision(ask(client, prompt(6, 7))) == ("large", "score")
        assert decision(ask(client)) == ("small", "score")


class TestTenant:
    """All of them with one installation of the recipe."""

    @pytest.mark.parametrize(
        ("name", "value", "text", "model"),
        [
            ("x-tenant", "acme", EASY, "llama-3.3-70b-instruct"),
            ("x-tenant", "other", EASY, "gemma-2-9b-it"),
            ("x-tenant", "other", HARD, "llama-3.3-70b-instruct"),
            (
                "x-api-key-sha256",
                "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                HARD,
                "gemma-2-9b-it",
            ),
        ],
    )
    def test_header_pins_it_to_a_tier(self, client, tenants, name, value, text, model):
        del tenants
        assert ask(client, text, headers={name: value}).json()["model"] == model


def test_claim_of_a_token_pins_a_tenant_and_a_header_does_not(client, mesh):
    issuer = Issuer("https://issuer.example.com")
    # A gateway here can't fetch keys, so they come with the values.
    mesh(recipe("mesh-tenant-claim"), {"jwt": {"jwks": issuer.jwks}})
    until_answered("a token is asked for", lambda: ask(client).status_code == 403)

    def tier(tenant, **headers):
        token = {"authorization": f"Bearer {issuer.token(tenant=tenant)}"}
        response = ask(client, headers={**token, **headers})
        return response.headers.get("x-weighbridge-tier")

    until_answered("a token is let in", lambda: tier("acme") == "large")
    assert tier("other") == "small"
    assert tier("other", **{"x-tenant": "acme"}) == "small"


def test_new_requests_leave_the_small_tier_and_running_ones_finish(lab, client, tune):
    with stream(client, EASY) as response:
        lines = response.iter_lines()
        next(lines)
        assert in_flight(lab, "gemma-small") == 1

        tune("mesh-drain-small")

        assert set(tiers(client, 20)) == {"large"}
        assert in_flight(lab, "gemma-small") == 1
        assert [line for line in lines if line][-1] == "data: [DONE]"
    until("nothing is left to drain", lambda: in_flight(lab, "gemma-small") == 0)
    assert ask(client).json()["model"] == "llama-3.3-70b-instruct"

    tune()

    assert set(tiers(client, 20)) == {"small"}


class TestDrainedLargeTier:
    """All of them with one installation of the recipe."""

    @pytest.mark.parametrize(
        "body",
        [chat(HARD), chat(model="weighbridge/large"), b"neither JSON nor a prompt"],
        ids=["hard", "asked-for", "unweighed"],
    )
    def test_is_reached_by_nothing(self, lab, client, drained, body):
        del drained
        before = answered(lab, "llama-large")
        sent = {"content": body} if isinstance(body, bytes) else {"json": body}

        response = client.post(CHAT, **sent)

        assert response.headers["x-weighbridge-tier"] == "small"
        assert answered(lab, "llama-large") == before


def test_third_tier_comes_and_goes_by_values_only(lab, client, tune, router, extra_pool):
    extra_pool("qwen-coder", "code", models=["qwen-2.5-coder-32b", "auto"])
    before = running(lab)

    tune("mesh-third-tier")
    router(recipe("router-third-tier"))
    lab.until_settled()

    for model in ("qwen-2.5-coder-32b", "weighbridge/code"):
        response = client.post(CHAT, json=chat(model=model, max_tokens=2))
        assert decision(response) == ("code", "explicit")
    listed = [each["id"] for each in client.get("/v1/models").json()["data"]]
    assert "qwen-2.5-coder-32b" in listed
    named = client.post(CHAT, json=chat(model="qwen-2.5-coder-32b", max_tokens=2))
    assert named.json()["model"] == "qwen-2.5-coder-32b"
    assert decision(ask(client)) == ("small", "score")

    tune()

    # A tier without a route: this is why the mesh comes first and goes last.
    assert decision(ask(client, model="weighbridge/code")) == ("large", "fail-open")

    router()
    lab.until_settled()

    assert decision(ask(client, model="weighbridge/code")) == ("small", "score")
    assert running(lab) == before


class TestTwoClusters:
    @pytest.mark.parametrize("west", [25, 100])
    def test_weight_is_the_share_of_the_other_cluster(self, client, tune, remote_pool, west):
        del remote_pool
        split = yaml.safe_load(recipe("mesh-two-clusters").read_text(encoding="utf-8"))
        here, there = split["tiers"]["small"]["split"]
        here["weight"], there["weight"] = 100 - west, west
        tune(**split)

        models = [ask(client).json()["model"] for _ in range(DRAWS)]

        assert models.count("gemma-2-9b-it-west") in likely(DRAWS, west / 100)
        assert set(models) <= {"gemma-2-9b-it-west", "gemma-2-9b-it"}

    @pytest.fixture
    def remote_pool(self, lab, extra_pool):
        """What the recipe's manifest calls another cluster is a pod of this one here."""
        extra_pool("gemma-small-west", "small", models=["gemma-2-9b-it-west", "auto"])
        (name,) = lab.pods(POOLS_NAMESPACE, "gemma-small-west")
        address = lab.get("pod", name, POOLS_NAMESPACE)["status"]["podIP"]
        written = (RECIPES / "remote-pool.yaml").read_text(encoding="utf-8")
        assert written.count(REMOTE_ADDRESS) == 1
        lab.apply(written.replace(REMOTE_ADDRESS, address))
        yield
        lab.kubectl("delete", "--filename=-", text=written)


def test_same_prefix_stays_on_one_server(lab, client, tune, extra_pool):
    extra_pool("gemma-trio", "small", models=["gemma-2-9b-it", "auto"], replicas=3)
    tune("mesh-prefix-affinity", tiers={"small": {"host": "gemma-trio"}})
    prefixes = [f"prefix-{number}" for number in range(30)]
    until("the gateway knows three servers", lambda: len(endpoints(lab, "gemma-trio")) == 3)

    sent = [
        (prefix, ask(client, headers={"x-prefix": prefix}).headers["x-request-id"])
        for prefix in prefixes * 3
    ]

    lines = until_answered("all is logged", lambda: logged(lab, [each for _, each in sent]))
    servers = {prefix: set() for prefix in prefixes}
    for prefix, request in sent:
        servers[prefix].add(lines[request]["upstream_host"])
    assert {len(each) for each in servers.values()} == {1}
    assert len(set.union(*servers.values())) > 1


def test_requests_beyond_the_limit_are_refused_in_openai_shape(lab, tune, extra_pool):
    extra_pool("echo-slow", "small", echo=True)
    tune("mesh-limits", tiers={"small": {"host": "echo-slow"}})

    with (
        client_of(lab.gateway, limits=httpx.Limits(max_connections=100)) as client,
        ThreadPoolExecutor(80) as crowd,
    ):
        path = f"{CHAT}?slow_ms=3000"
        answers = list(crowd.map(lambda _: ask(client, path=path), range(80)))

    refused = [answer for answer in answers if answer.status_code == 503]
    assert sum(answer.status_code == 200 for answer in answers) >= 32
    assert len(refused) > 0
    assert len(refused) + sum(answer.status_code == 200 for answer in answers) == 80
    assert {answer.json()["error"]["code"] for answer in refused} == {"overloaded"}
    assert {decision(answer) for answer in refused} == {("small", "score")}


def test_warm_up_is_what_envoy_does(lab, tune):
    tune("mesh-warmup")

    (cluster,) = (each for each in clusters(lab) if "llama-large" in each["name"])

    slow = cluster["least_request_lb_config"]["slow_start_config"]
    assert slow["slow_start_window"] == "120s"
    assert slow["min_weight_percent"] == {"value": 5}


def recipe(name):
    return RECIPES / f"{name}.yaml"


def settings(lab):
    return lab.get("configmap", ROUTER, NAMESPACE)["data"]["settings.yaml"]


def write_threshold(lab, threshold):
    """Do what the guide says: edit the ConfigMap."""
    edited = settings(lab).replace("threshold: 0.5", f"threshold: {threshold}")
    assert edited != settings(lab)
    patch = json.dumps({"data": {"settings.yaml": edited}})
    lab.kubectl("patch", "configmap", ROUTER, f"--namespace={NAMESPACE}", f"--patch={patch}")


def running(lab):
    """Every router that is to stay, with its restarts."""
    listed = json.loads(lab.kubectl("get", "pods", f"--namespace={NAMESPACE}", "--output=json"))
    return {
        pod["metadata"]["uid"]: [
            each["restartCount"] for each in pod["status"]["containerStatuses"]
        ]
        for pod in listed["items"]
    }


def until_routers_say(lab, client, text, tier):
    """Wait until every router has read its settings; then each answer is theirs."""
    lab.until_settled()
    assert {decision(ask(client, text)) for _ in range(20)} == {(tier, "score")}


def stream(client, text):
    """A stream of some seconds."""
    long = {"max_tokens": 4000, "min_tokens": 4000, "ignore_eos": True, "stream": True}
    return client.stream("POST", CHAT, json=chat(text, **long))


def logged(lab, requests):
    """The log's lines, once all of these requests are among them."""
    lines = log_lines(lab)
    return lines if set(requests) <= set(lines) else None
