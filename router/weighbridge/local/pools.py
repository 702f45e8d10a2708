"""The pools of `weighbridge up`: one server per tier, simulated or real, as children to start."""

import sys
from dataclasses import dataclass
from pathlib import Path

from weighbridge.contract import MODEL_PREFIX
from weighbridge.local.child import ChildSpec
from weighbridge.local.probes import HttpProbe
from weighbridge.local.tiny_model import CONTEXT_WINDOW, Family, write_model
from weighbridge.local.vllm_pool import server_command
from weighbridge.settings import Settings


@dataclass(frozen=True)
class Feel:
    """How a simulated model feels to its user, in milliseconds.

    Attributes:
        ttft_ms: from a request's arrival to the first token.
        itl_ms: from token to token.
    """

    ttft_ms: int
    itl_ms: int


SMALL = Feel(ttft_ms=60, itl_ms=8)
"""An 8B model on one GPU with room to spare."""
LARGE = Feel(ttft_ms=180, itl_ms=25)
"""A 70B model over four."""


def served_names(settings: Settings, tier: str) -> tuple[str, ...]:
    """List the model names that a tier's server answers to, its own first.

    Bodies reach the pools as the client wrote them, so each pool has to know every alias.
    """
    own = (*settings.tiers[tier].models, MODEL_PREFIX + tier)
    return tuple(dict.fromkeys((*own, *settings.policy.aliases)))


def simulated(settings: Settings, tier: str, port: int) -> ChildSpec:
    """Make the simulator of a tier; the first tier of the settings is the quick one."""
    feel = SMALL if tier == next(iter(settings.tiers)) else LARGE
    names = [
        word for name in served_names(settings, tier) for word in ("--served-model-name", name)
    ]
    return ChildSpec(
        name=f"pool-{tier}",
        argv=(
            *(sys.executable, "-m", "weighbridge_simulator"),
            *("--port", str(port), "--ttft-ms", str(feel.ttft_ms), "--itl-ms", str(feel.itl_ms)),
            # Nobody waits for answers once the run is over.
            *("--drain-seconds", "0"),
            *names,
        ),
        ready=_healthy(port),
    )


def real(settings: Settings, tier: str, port: int, *, environment: Path, cache: Path) -> ChildSpec:
    """Make a real vLLM of a tier, serving a tiny random model.

    Args:
        settings: for the names.
        tier: which; the first tier of the settings gets a Gemma, the others Llamas.
        port: where it listens.
        environment: what `vllm_pool.ensure_environment` gave.
        cache: folder for the models.
    """
    position = list(settings.tiers).index(tier)
    family = Family.GEMMA if position == 0 else Family.LLAMA
    model = write_model(cache / f"tiny-{family}-{position + 1}", family=family, seed=position + 1)
    command = server_command(
        environment,
        model,
        port=port,
        served_model_names=served_names(settings, tier),
        max_model_len=min(settings.tiers[tier].context_window, CONTEXT_WINDOW),
    )
    return ChildSpec(
        name=f"pool-{tier}",
        argv=command.argv,
        env=command.environment,
        ready=_healthy(port),
        # About 30 s on two idle cores; several of them may share these.
        ready_timeout_s=300,
        stop_timeout_s=15,
    )


def _healthy(port: int) -> HttpProbe:
    return HttpProbe(port, "/health")
