#!/usr/bin/env python3
"""Ask vLLM for one short answer; the exit code is 0 once it came. The startup probe runs this.

A pod is ready only after its startup probe, so the request that compiles and captures is this one
and no client's. Before vLLM listens, a try ends at once, and the probe's next one follows.
"""

import http.client
import json
import sys
import urllib.request

_LISTENS_S = 2


def warm_up(base: str, timeout_s: float, body: str) -> str | None:
    """Send the request; None: an answer came; else what is amiss."""
    # Never by way of a proxy of the environment.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{base}/v1/completions", body.encode(), headers)  # noqa: S310
    try:
        opener.open(f"{base}/health", timeout=_LISTENS_S).close()
        with opener.open(request, timeout=timeout_s) as response:
            answer = json.load(response)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return None if answer.get("choices") else f"expected choices, came {answer}"


if __name__ == "__main__":
    fault = warm_up(sys.argv[1], float(sys.argv[2]), sys.argv[3])
    sys.exit(fault and f"no answer to the warm-up yet: {fault}")
