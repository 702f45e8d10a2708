"""Runs inside LiteLLM's environment: prompts as JSON strings a line in, scores as JSON a line out.

It knows nothing of Weighbridge. Each line out has LiteLLM's weighted score, its trained predictor's
chance that the smallest tier does not do, and the seconds that each took.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import IO, Any


def main(lines: IO[str], out: IO[str]) -> None:
    """Score every line."""
    from litellm.router_strategy.complexity_router.complexity_router import (  # type: ignore[import-not-found]  # noqa: PLC0415
        ComplexityRouter,
    )

    plain = ComplexityRouter("auto", None, derive_savings_baseline=False)
    trained = ComplexityRouter(
        "auto",
        None,
        complexity_router_config={"classifier_type": "heuristic_v2"},
        derive_savings_baseline=False,
    )
    for line in lines:
        text = json.loads(line)
        weighted, seconds = _timed(plain.classify, text)
        outcome, trained_seconds = _timed(trained._classify_with_heuristic_v2, text)  # noqa: SLF001
        easy = outcome.heuristic_v2_forecast["probabilities"]["SIMPLE"]
        told = [weighted[1], seconds, 1.0 - easy, trained_seconds]
        out.write(json.dumps(told) + "\n")
        out.flush()


def _timed(classify: Callable[[str], Any], text: str) -> tuple[Any, float]:
    started = time.perf_counter()
    result = classify(text)
    return result, time.perf_counter() - started


if __name__ == "__main__":
    main(sys.stdin, sys.stdout)
