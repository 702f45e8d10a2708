"""The LiteLLM proxy as an operator runs it: ports in, its configuration and its process out.

One worker, its complexity_router with the default scorer in front of a small and a large model, no
database, no key, nothing logged below errors. Both models are the pool that all targets share.
"""

from pathlib import Path
from typing import Final

import yaml

from weighbridge.bench.envoy import LOOPBACK
from weighbridge.local.child import ChildSpec, OnExit
from weighbridge.local.probes import HttpProbe

MODEL: Final = "auto"
"""What clients ask for, of LiteLLM as of the router."""
SMALL: Final = "small"
LARGE: Final = "large"
_LADDER: Final = {"SIMPLE": SMALL, "MEDIUM": SMALL, "COMPLEX": LARGE, "REASONING": LARGE}
_READY_S: Final = 180.0


def configuration(pool_port: int) -> str:
    """Write the proxy's YAML.

    Args:
        pool_port: of the listener that answers; each model has a path of its own there, so that
            the answer tells which was asked.
    """
    rendered = {
        "model_list": [
            {
                "model_name": MODEL,
                "litellm_params": {
                    "model": "auto_router/complexity_router",
                    "complexity_router_config": {"tiers": _LADDER},
                    "complexity_router_default_model": SMALL,
                },
            },
            *(_model(name, pool_port) for name in (SMALL, LARGE)),
        ],
        # It listens on loopback, and a key would be looked up at each request.
        "general_settings": {"dangerously_permit_weak_or_unset_master_key": True},
    }
    return yaml.safe_dump(rendered, sort_keys=False)


def litellm_spec(python: Path, config: Path, port: int) -> ChildSpec:
    """Make the process. It sees no variable of ours: those of a user's own proxy would change it.

    Args:
        python: interpreter of its environment.
        config: file with its configuration; beside it is its home.
        port: to listen on.
    """
    variables = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(config.parent),
        # Else it fetches prices when it is imported.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        # Its access log too is written only where this lets it.
        "LITELLM_LOG": "ERROR",
        "LITELLM_DONT_SHOW_FEEDBACK_BOX": "true",
    }
    return ChildSpec(
        name="litellm",
        argv=(
            *("env", "-i", *(f"{name}={value}" for name, value in variables.items())),
            *(str(python), "-I", "-m", "litellm.proxy.proxy_cli", "--config", str(config)),
            *("--host", LOOPBACK, "--port", str(port), "--num_workers", "1"),
            *("--telemetry", "False"),
        ),
        ready=HttpProbe(port, "/health/liveliness"),
        on_exit=OnExit.STOP_ALL,
        ready_timeout_s=_READY_S,
    )


def _model(name: str, pool_port: int) -> dict[str, object]:
    return {
        "model_name": name,
        "litellm_params": {
            "model": f"openai/{name}",
            "api_base": f"http://{LOOPBACK}:{pool_port}/{name}/v1",
            "api_key": "none",
        },
    }
