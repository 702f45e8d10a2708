import json

import pytest
from weighbridge_mesh.local_replies import local_replies, local_reply_config, size

REPLIES = local_replies("1 MiB")


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: reply.code)
def test_reply_is_an_openai_error(reply):
    error = json.loads(reply.body)["error"]
    assert list(error) == ["message", "type", "param", "code"]
    assert error["type"] in {"invalid_request_error", "requests", "server_error"}
    assert error["message"].endswith(".")


def test_last_reply_fits_whatever_is_left():
    last = local_reply_config("1 MiB")["mappers"][-1]["filter"]
    assert last["status_code_filter"]["comparison"]["op"] == "GE"


@pytest.mark.parametrize(
    ("limit", "text"), [(16 << 20, "16 MiB (16777216 bytes)"), (1000, "1000 bytes")]
)
def test_413_tells_the_limit(limit, text):
    (reply,) = (r for r in local_replies(size(limit)) if r.status == 413)
    assert text in reply.message


def test_flagged_reply_comes_before_the_general_one_of_its_status():
    unavailable = [bool(reply.flags) for reply in REPLIES if reply.status == 503]
    assert unavailable == sorted(unavailable, reverse=True)
