"""Models and GPU types in, `models/chart/files/catalog.yaml` out (`make generated`).

The chart's template does the sums of `memory` once more, when it renders. Here it gets whatever
they need, in whole numbers: bytes, cents, tenths.
"""

import sys
from collections.abc import Mapping
from typing import Any

import yaml

from weighbridge.catalog import Model, load_catalog
from weighbridge.sizing import memory
from weighbridge.sizing.gpus import COUNTS, LEAST_CAPABILITY, Gpu, load_gpus

_HEAD = "# Made by `make generated` of models/catalog and models/gpus. Sizes in bytes.\n"


def chart_catalog(models: Mapping[str, Model], gpus: Mapping[str, Gpu]) -> str:
    """Make the text of the chart's catalog; models without an architecture are left out."""
    known = {name: _model(model) for name, model in models.items() if model.architecture}
    document = {
        "overhead": {
            "blockTokens": memory.BLOCK_TOKENS,
            "logitBytes": memory.LOGIT_BYTES,
            "graphBytes": memory.GRAPH_BYTES,
            "runtimeBytes": memory.RUNTIME_BYTES,
            "ncclBytes": memory.NCCL_BYTES,
        },
        "counts": list(COUNTS),
        "leastCapability": {str(key): value for key, value in LEAST_CAPABILITY.items()},
        "models": known,
        "gpus": {name: _gpu(gpu) for name, gpu in gpus.items()},
    }
    return _HEAD + yaml.safe_dump(document, sort_keys=False)


def _model(model: Model) -> dict[str, Any]:
    shape = model.architecture
    assert shape is not None  # noqa: S101  # the caller left such models out
    window = shape.sliding_window
    return {
        "repository": model.repository,
        "checkpoints": {str(key): value for key, value in model.checkpoints.items()},
        "gated": model.gated,
        "tier": model.tier,
        "contextWindow": model.context_window,
        "precisions": [str(precision) for precision in model.quantizations],
        "weights": {str(p): memory.weight_bytes(shape, p) for p in model.quantizations},
        "heads": shape.heads,
        "kvHeads": shape.kv_heads,
        "kvNumbersPerHead": 2 * shape.head_dim,
        "kvLatent": shape.kv_latent_dim or 0,
        "fullLayers": shape.layers - (window.layers if window else 0),
        "windowLayers": window.layers if window else 0,
        "window": window.tokens if window else 0,
        "activationBytes": memory.activation_bytes(shape),
        "vocabulary": shape.vocabulary,
    }


def _gpu(gpu: Gpu) -> dict[str, Any]:
    return {
        "memory": gpu.memory,
        "capability": gpu.capability,
        "batchedTokens": gpu.batched_tokens,
        "cents": gpu.cents,
        "nodeLabels": {label: list(values) for label, values in gpu.node_labels.items()},
    }


if __name__ == "__main__":
    sys.stdout.write(chart_catalog(load_catalog(), load_gpus()))
