"""What tests of routes ask the gateway for, and what they read of its log."""

import json
from functools import cache
from pathlib import Path

import httpx
from envoy_rig.requests import EASY, chat, decision
from weighbridge_lab.installation import INGRESS
from weighbridge_lab.waiting import until

CHAT = "/v1/chat/completions"
_CASES = Path(__file__).parents[2] / "router" / "training" / "cases" / "test"
_LONGEST = 300


def client_of(url, **options):
    """A client of a gateway."""
    return httpx.Client(base_url=url, timeout=30, trust_env=False, **options)


def ask(client, text=EASY, *, path=CHAT, headers=None, **fields):
    """Send a prompt; the answer is short."""
    return client.post(path, json=chat(text, max_tokens=2, **fields), headers=headers)


def until_answered(what, look, timeout_s=30.0):
    """Ask until the answer is the awaited one; a gateway that is changing may not answer at all."""

    def is_there():
        try:
            return look()
        except (httpx.TransportError, json.JSONDecodeError):
            return False

    return until(what, is_there, timeout_s)


def until_decided(client, expected, **asked):
    """Ask until the decision is the expected one."""
    until_answered(
        f"the decision is {expected}", lambda: decision(ask(client, **asked)) == expected
    )


def tiers(client, count, **asked):
    """Tiers that served so many requests."""
    return [ask(client, **asked).headers.get("x-weighbridge-tier") for _ in range(count)]


def log_lines(lab, deployment=INGRESS):
    """Lines of a gateway's access log, by the id of the request."""
    text = lab.kubectl("logs", f"deployment/{deployment}", f"--namespace={INGRESS}")
    lines = map(_read, text.splitlines())
    return {line["request_id"]: line for line in lines if "request_id" in line}


def _read(line):
    """A line of the access log; nothing, if something else of Envoy's stands in it."""
    try:
        return json.loads(line) if line.startswith('{"') else {}
    except json.JSONDecodeError:  # Envoy's errors go to the same file, at times into a line
        return {}


def prompt_of_decile(client, *wanted):
    """A prompt whose score is in one of these deciles; the router is asked, prompt by prompt."""
    for text in _prompts():
        score = float(ask(client, text).headers["x-weighbridge-score"])
        if int(score * 10) in wanted:
            return text
    raise LookupError(f"none of {len(_prompts())} prompts is in decile {wanted}")


@cache
def _prompts():
    cases = [
        json.loads(line)
        for path in sorted(_CASES.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [case["prompt"] for case in cases if len(case.get("prompt", "x" * _LONGEST)) < _LONGEST]
