"""The template's arithmetic is that of the package: every model, precision, GPU type and number.

A chart made for the test asks the helper for the whole product in one render, so that what is
compared is Helm's own work on the files that ship.
"""

import json
import shutil
from itertools import product
from pathlib import Path

import pytest
import yaml
from charts.rendering import REPOSITORY, HelmError, helm
from weighbridge.catalog import Precision, load_catalog
from weighbridge.sizing.gpus import load_gpus
from weighbridge.sizing.memory import Serving
from weighbridge.sizing.placement import place, refusal, way_out

CHART = REPOSITORY / "models" / "chart"
MODELS, GPUS = load_catalog(), load_gpus()
COUNTS = (1, 2, 3, 4, 8, 16)
SERVINGS = {
    "short": {"context": 4096},
    "odd": {"context": 5001, "maxSequences": 7, "permille": 873, "kvBytes": 1},
    "many": {"context": 8192, "sequences": 40, "batchedTokens": 512, "permille": 950},
    "long": {"context": 131072, "kvBytes": 1},
}
DEFAULTS = {"sequences": 1, "maxSequences": 256, "batchedTokens": 0, "kvBytes": 2, "permille": 900}
PRODUCT = """
{{- $catalog := .Files.Get "files/catalog.yaml" | fromYaml -}}
{{- $answers := list -}}
{{- range .Values.asked -}}
{{- $figures := dict -}}
{{- $serving := dict "catalog" $catalog "model" .model "precision" .precision "gpu" .gpu -}}
{{- range $name, $value := $.Values.now -}}
{{- $_ := set $serving $name (int64 $value) -}}
{{- end -}}
{{- $_ := set $serving "count" (int64 .count) -}}
{{- $_ := include "weighbridge-pool.memory.figures" (merge (dict "out" $figures) $serving) -}}
{{- if .wayOut -}}
{{- $_ := set $figures "wayOut" (include "weighbridge-pool.memory.way-out" $serving) -}}
{{- end -}}
{{- $answers = append $answers $figures -}}
{{- end -}}
answers: {{ toJson $answers | quote }}
"""
ONE = """
{{- include "weighbridge-pool.memory" (dict "root" .) -}}
summary: {{ include "weighbridge-pool.memory.summary" (dict "root" .) | quote }}
"""
VALUES = {
    "model": "gemma-2-9b-it",
    "precision": "fp8",
    "gpu": {"type": "nvidia-l4", "count": 1},
    "memoryCheck": True,
    "vllm": {
        "maxModelLen": 8192,
        "maxNumSeqs": 256,
        "gpuMemoryUtilization": 0.9,
        "kvCacheDtype": "auto",
    },
}


@pytest.fixture
def chart(tmp_path):
    """A chart of the helper, the shipped catalog and one template of the test's own."""

    def make(template: str) -> Path:
        folder = tmp_path / "chart"
        for part in ("templates/_memory.tpl", "files/catalog.yaml"):
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHART / part, folder / part)
        (folder / "Chart.yaml").write_text(
            "{apiVersion: v2, name: weighbridge-pool, version: 0.0.0}"
        )
        (folder / "templates" / "test.yaml").write_text(template)
        return folder

    return make


@pytest.fixture
def rendered(chart, tmp_path):
    """Render the test's chart with values."""

    def render(template: str, values: dict) -> dict:
        path = tmp_path / "values.yaml"
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return yaml.safe_load(helm("template", "pool", chart(template), f"--values={path}"))

    return render


def serving(precision, asked):
    asked = DEFAULTS | asked
    return Serving(
        precision=precision,
        context=asked["context"],
        sequences=asked["sequences"],
        max_sequences=asked["maxSequences"],
        batched_tokens=asked["batchedTokens"] or None,
        kv_bytes=asked["kvBytes"],
        utilization=asked["permille"] / 1000,
    )


def expected(placement):
    need = placement.need
    return {
        "weights": need.weights,
        "sequence": need.sequence,
        "activations": need.activations,
        "logits": need.logits,
        "graphs": need.graphs,
        "runtime": need.runtime,
        "usable": placement.usable,
        "room": placement.room,
        "fullSequences": placement.full_sequences,
        "kvTokens": placement.kv_tokens,
        "cents": placement.cents,
        "fault": placement.fault or "",
    }


def of_model(values, **changed):
    vllm = {**values["vllm"], **changed.pop("vllm", {})}
    return {**values, **changed, "vllm": vllm}


@pytest.mark.parametrize("name", SERVINGS)
def test_every_placement_is_computed_alike(rendered, name):
    everything = [
        (model, precision, gpu, count)
        for model in MODELS.values()
        for precision, gpu, count in product(model.quantizations, GPUS.values(), COUNTS)
    ]
    asked = [
        {"model": m.name, "precision": str(p), "gpu": g.name, "count": n}
        for m, p, g, n in everything
    ]
    answers = json.loads(
        rendered(PRODUCT, {"asked": asked, "now": DEFAULTS | SERVINGS[name]})["answers"]
    )

    assert len(answers) == len(everything) > 1000
    for (model, precision, gpu, count), answer in zip(everything, answers, strict=True):
        placement = place(model, gpu, count, serving(precision, SERVINGS[name]))
        assert answer == expected(placement), placement.explain()


@pytest.mark.parametrize("name", SERVINGS)
def test_every_way_out_is_worded_alike(rendered, name):
    models = list(MODELS.values())
    asked = [
        {"model": m.name, "precision": p, "gpu": "nvidia-l4", "count": 1, "wayOut": True}
        for m in models
        for p in ("bf16", "fp16")
    ]
    answers = json.loads(
        rendered(PRODUCT, {"asked": asked, "now": DEFAULTS | SERVINGS[name]})["answers"]
    )

    for question, answer in zip(asked, answers, strict=True):
        wanted = serving(Precision(question["precision"]), SERVINGS[name])
        assert answer["wayOut"] == way_out(MODELS[question["model"]], GPUS.values(), wanted)


def test_a_gpu_too_small_fails_the_render_with_the_arithmetic(rendered):
    placement = place(
        MODELS["llama-3.3-70b-instruct"],
        GPUS["nvidia-l4"],
        1,
        serving(Precision.BF16, {"context": 8192}),
    )

    with pytest.raises(HelmError) as failure:
        rendered(ONE, of_model(VALUES, model="llama-3.3-70b-instruct", precision="bf16"))

    assert refusal(placement, GPUS.values()) in str(failure.value)
    assert "weights 131.4 + KV cache 2.5 (1 x 8192 tokens)" in str(failure.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"precision": "fp16"},
            "gemma-2-9b-it is served in bf16, fp8, int8, awq, gptq, not in fp16",
        ),
        (
            {"gpu": {"type": "nvidia-a10g", "count": 1}},
            "nvidia-a10g has 8.6. Cheapest that fit: fp8",
        ),
        ({"gpu": {"type": "nvidia-l4", "count": 3}}, "3 GPUs can't share the 16 heads"),
        ({"vllm": {"maxModelLen": 9000}}, "9000 tokens are more than the context window of gemma"),
        ({"model": "gpt-9"}, 'model "gpt-9" is not in the catalog, which knows: deepseek'),
        ({"gpu": {"type": "abacus", "count": 1}}, 'gpu.type "abacus" is not in the catalog'),
        ({"vllm": {"gpuMemoryUtilization": 0.4}}, "8.8 GiB may be used (400/1000 of 22.0)"),
    ],
)
def test_what_can_not_be_is_refused_by_name(rendered, changed, words):
    with pytest.raises(HelmError) as failure:
        rendered(ONE, of_model(VALUES, **changed))

    assert words in str(failure.value)


@pytest.mark.parametrize(
    ("vllm", "same"),
    [
        ({}, serving(Precision.FP8, {"context": 8192})),
        ({"maxModelLen": 0, "maxNumBatchedTokens": 0}, serving(Precision.FP8, {"context": 8192})),
        ({"kvCacheDtype": "fp8_e4m3"}, serving(Precision.FP8, {"context": 8192, "kvBytes": 1})),
        (
            {"gpuMemoryUtilization": 0.935, "maxNumBatchedTokens": 1024, "maxNumSeqs": 64},
            serving(
                Precision.FP8,
                {"context": 8192, "permille": 935, "batchedTokens": 1024, "maxSequences": 64},
            ),
        ),
    ],
    ids=str,
)
def test_values_mean_what_the_package_computes(rendered, vllm, same):
    placement = place(MODELS["gemma-2-9b-it"], GPUS["nvidia-l4"], 1, same)

    summary = rendered(ONE, of_model(VALUES, vllm=vllm))["summary"]

    assert summary.startswith("gemma-2-9b-it in fp8 on 1 x nvidia-l4, each: weights 9.5 + overhead")
    assert summary.endswith(
        f"; {placement.kv_tokens} tokens of KV cache, {placement.full_sequences} sequences of 8192"
    )


@pytest.mark.parametrize(
    "values",
    [
        of_model(VALUES, model="llama-3.3-70b-instruct", memoryCheck=False),
        of_model(VALUES, model="of-ones-own", memoryCheck=False),
        of_model(VALUES, gpu={"type": "nvidia-l4", "count": 0}),
    ],
    ids=["too-large", "unknown", "cpu"],
)
def test_without_the_check_or_gpus_anything_renders(rendered, values):
    assert rendered(ONE, values) == {"summary": ""}
