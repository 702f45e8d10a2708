"""Whatever a server answers becomes a reply or a trouble of the right kind."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from weighbridge.errors import LearnError
from weighbridge.learn.label.options import Endpoint, LabelOptions, Role, Sampling, Tokens
from weighbridge.learn.label.pools import Pool, Reply, settle_models
from weighbridge.learn.label.troubles import Kind, Trouble

MESSAGES = [{"role": "user", "content": "What does a lorry weigh?"}]
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "created": 1,
    "model": "gemma-1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "40 t"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
}


class Double:
    """A server that answers every request alike, and keeps what it was sent."""

    def __init__(self):
        self.answer = ANSWER
        self.status = 200
        self.headers = {}
        self.seen = []
        self.cut = False
        self.hangs = False

    async def handle(self, request):
        self.seen.append((request.path, request.headers, await request.read()))
        if self.cut:
            request.transport.abort()
        if self.hangs:
            await asyncio.sleep(3600)
        if isinstance(self.answer, str):
            return web.Response(text=self.answer, status=self.status, content_type="text/html")
        body = json.dumps(self.answer)
        return web.Response(
            text=body, status=self.status, headers=self.headers, content_type="application/json"
        )


@pytest.fixture
async def double():
    return Double()


@pytest.fixture
async def url(double):
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", double.handle)
    async with TestServer(application) as server:
        yield f"http://127.0.0.1:{server.port}/v1"


@pytest.fixture
async def pool(url):
    sampling = Sampling(max_tokens=64, temperature=0.5, seed=7)
    async with Pool(Role.SMALL, Endpoint(url, "gemma"), sampling, timeout_s=0.5) as made:
        yield made


def changed(**fields):
    return ANSWER | fields


def choice(**fields):
    return changed(choices=[ANSWER["choices"][0] | fields])


async def test_an_answer_comes_with_its_model_tokens_and_finish(pool):
    reply = await pool.attempt(MESSAGES)
    assert isinstance(reply, Reply)
    assert (reply.text, reply.model, reply.finish) == ("40 t", "gemma-1", "stop")
    assert (reply.tokens, reply.counted) == (Tokens(11, 3), True)
    assert 0 < reply.seconds < 0.5


async def test_the_request_holds_model_messages_and_sampling(pool, double):
    await pool.attempt(MESSAGES)
    path, headers, body = double.seen[0]
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == "Bearer none"
    assert json.loads(body) == {
        "model": "gemma",
        "messages": MESSAGES,
        "max_tokens": 64,
        "temperature": 0.5,
        "seed": 7,
    }


async def test_the_key_comes_from_the_roles_own_variable(url, double, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "of-another")
    monkeypatch.setenv("WEIGHBRIDGE_JUDGE_API_KEY", "judges-own\n")
    for role in Role:
        async with Pool(role, Endpoint(url, "m"), Sampling()) as pool:
            await pool.attempt(MESSAGES)
    keys = [headers["authorization"] for _, headers, _ in double.seen]
    assert keys == ["Bearer none", "Bearer none", "Bearer judges-own"]


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": -1, "completion_tokens": 3, "total_tokens": 2},
        {"prompt_tokens": 1, "completion_tokens": 2**70, "total_tokens": 3},
        {"prompt_tokens": "many", "completion_tokens": 3, "total_tokens": 3},
        {},
    ],
)
async def test_without_a_sane_count_tokens_are_estimated(pool, double, usage):
    double.answer = changed(usage=usage)
    reply = await pool.attempt(MESSAGES)
    assert (reply.tokens, reply.counted) == (Tokens(10, 1), False)


@pytest.mark.parametrize(
    ("content", "text"), [(None, ""), (["no", "text"], ""), ("\ud800!", "?!"), ("ж", "ж")]
)
async def test_any_content_becomes_a_text_that_can_be_written(pool, double, content, text):
    double.answer = choice(message={"role": "assistant", "content": content})
    reply = await pool.attempt(MESSAGES)
    assert reply.text == text


@pytest.mark.parametrize(
    "answer", ["<html>Welcome</html>", {}, changed(choices=[]), changed(choices=None), ["x"]]
)
async def test_a_success_that_is_no_answer_may_have_been_charged(pool, double, answer):
    double.answer = answer
    trouble = await pool.attempt(MESSAGES)
    assert isinstance(trouble, Trouble)
    assert (trouble.kind, trouble.charged) == (Kind.BROKEN, True)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Kind.REFUSED),
        (413, Kind.REFUSED),
        (422, Kind.REFUSED),
        (401, Kind.SETUP),
        (402, Kind.SETUP),
        (403, Kind.SETUP),
        (404, Kind.SETUP),
        (408, Kind.FAULTY),
        (409, Kind.FAULTY),
        (429, Kind.BUSY),
        (500, Kind.FAULTY),
        (502, Kind.FAULTY),
        (503, Kind.BUSY),
    ],
)
async def test_each_status_is_a_trouble_that_costs_nothing(pool, double, status, kind):
    double.status = status
    double.answer = {"error": {"message": "told\nwhy", "type": "x", "code": status}}
    trouble = await pool.attempt(MESSAGES)
    assert (trouble.kind, trouble.charged) == (kind, False)
    assert trouble.words == f"status {status}: told why"
    assert len(double.seen) == 1


async def test_a_status_without_json_is_still_told(pool, double):
    double.status = 502
    double.answer = "<html>" + "x" * 5000
    trouble = await pool.attempt(MESSAGES)
    assert trouble.kind is Kind.FAULTY
    assert len(trouble.words) < 400


async def test_a_spent_quota_is_no_rate_limit(pool, double):
    double.status = 429
    double.answer = {"error": {"message": "no credit", "code": "insufficient_quota"}}
    assert (await pool.attempt(MESSAGES)).kind is Kind.SETUP


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("-3", 0),
        ("soon", None),
        ("", None),
    ],
)
async def test_retry_after_is_read_as_seconds(pool, double, header, seconds):
    double.status = 429
    double.headers = {"retry-after": header}
    assert (await pool.attempt(MESSAGES)).retry_after_s == seconds


@pytest.mark.parametrize(("hours", "seconds"), [(1, 3600), (-1, 0)])
async def test_retry_after_is_read_as_a_date(pool, double, hours, seconds):
    double.status = 503
    date = datetime.now(UTC) + timedelta(hours=hours)
    double.headers = {"retry-after": format_datetime(date, usegmt=True)}
    asked = (await pool.attempt(MESSAGES)).retry_after_s
    assert asked == pytest.approx(seconds, abs=60)


async def test_a_cut_connection_may_have_been_charged(pool, double):
    double.cut = True
    trouble = await pool.attempt(MESSAGES)
    assert (trouble.kind, trouble.charged) == (Kind.BROKEN, True)


async def test_a_late_answer_may_have_been_charged(pool, double):
    double.hangs = True
    trouble = await pool.attempt(MESSAGES)
    assert (trouble.kind, trouble.charged) == (Kind.TIMEOUT, True)
    assert trouble.words == "no whole answer within 0.5 s"


async def test_a_server_that_is_not_there_costs_nothing():
    endpoint = Endpoint(f"http://127.0.0.1:{unused_port()}/v1", "gemma")
    async with Pool(Role.SMALL, endpoint, Sampling()) as pool:
        trouble = await pool.attempt(MESSAGES)
    assert (trouble.kind, trouble.charged) == (Kind.UNREACHED, False)


def options(url, model=""):
    endpoint = Endpoint(url, model)
    return LabelOptions(prompts=Path("p"), out=Path("o"), small=endpoint, large=endpoint)


async def test_without_a_name_the_first_listed_model_is_asked(url, double):
    card = {"object": "model", "created": 1, "owned_by": "vllm"}
    double.answer = {"object": "list", "data": [{"id": "a", **card}, {"id": "b", **card}]}
    assert await settle_models(options(url)) == {Role.SMALL: "a", Role.LARGE: "a"}


@pytest.mark.parametrize("status", [200, 404, 405])
async def test_a_server_without_a_list_needs_a_name(url, double, status):
    double.status = status
    double.answer = {}
    assert await settle_models(options(url, "m")) == {Role.SMALL: "m", Role.LARGE: "m"}
    with pytest.raises(LearnError, match="--small-model"):
        await settle_models(options(url))


@pytest.mark.parametrize("status", [401, 403, 500, 503])
async def test_a_server_that_refuses_or_fails_is_told_before_anything_is_asked(url, double, status):
    double.status = status
    with pytest.raises(LearnError, match=f"the small pool at {url} can't be asked: status"):
        await settle_models(options(url, "m"))
    assert {path for path, _, _ in double.seen} == {"/v1/models"}


async def test_a_server_that_is_not_there_is_told_before_anything_is_asked():
    url = f"http://127.0.0.1:{unused_port()}/v1"
    with pytest.raises(LearnError, match="no connection"):
        await settle_models(options(url, "m"))
