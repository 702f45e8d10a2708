"""Documents as the API server gives them, in the shape of Argo Rollouts v1.9.1's custom resources.

`tests/charts/gitops/test_documents.py` holds them against the resources' own schemas.
"""

import json
from datetime import UTC, datetime

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STABLE, CANARY = "6d5f7c9b8d", "7b8c6d5f94"
REPOSITORIES = {STABLE: "google/gemma-2-9b-it", CANARY: "google/gemma-3-12b-it"}

STEPS = [
    {"setCanaryScale": {"replicas": 1}},
    {"setHeaderRoute": {"name": "canary-small", "match": [_MATCH := {
        "headerName": "x-weighbridge-canary", "headerValue": {"exact": "small"}}]}},
    {"analysis": {"templates": [{"templateName": "weighbridge-smoke"}]}},
    {"setCanaryScale": {"matchTrafficWeight": True}},
    {"setWeight": 5},
    {"pause": {"duration": "10m"}},
    {"setWeight": 50},
    {"pause": {}},
]  # fmt: skip


def metadata(name, namespace="llm", **more):
    return {"name": name, "namespace": namespace, "uid": f"uid-{name}", **more}


def owned_by(name, kind="Rollout"):
    return [
        {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "name": name, "uid": f"uid-{name}"}
    ]


def rollout(pool="gemma-small", tier="small", *, steps=STEPS, spec=None, **status):
    """Half-way through its steps, unless `status` says otherwise."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": metadata(
            pool,
            generation=3,
            labels={"weighbridge.dev/tier": tier},
            annotations={"rollout.argoproj.io/workload-generation": "7"},
        ),
        "spec": {
            "replicas": 3,
            "workloadRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": pool,
                "scaleDown": "progressively",
            },
            "strategy": {"canary": _strategy(pool, tier, steps)},
            **(spec or {}),
        },
        "status": {
            "phase": "Progressing",
            "message": "more replicas need to be updated",
            "currentPodHash": CANARY,
            "stableRS": STABLE,
            "currentStepIndex": 4,
            "observedGeneration": "3",
            "workloadObservedGeneration": "7",
            "replicas": 4,
            "updatedReplicas": 1,
            "readyReplicas": 4,
            "availableReplicas": 4,
            "canary": {"weights": {"canary": {"weight": 5}, "stable": {"weight": 95}}},
            **status,
        },
    }


def _strategy(pool, tier, steps):
    return {
        "stableService": f"{pool}-stable",
        "canaryService": f"{pool}-canary",
        "steps": steps,
        "trafficRouting": {
            "managedRoutes": [{"name": f"canary-{tier}"}],
            "istio": {
                "virtualServices": [
                    {"name": "weighbridge-mesh.istio-ingress", "routes": [f"tier-{tier}"]}
                ],
                "destinationRule": {
                    "name": f"weighbridge-mesh-{tier}",
                    "canarySubsetName": "canary",
                    "stableSubsetName": "stable",
                },
            },
        },
    }


def replica_set(revision, number, *, pool="gemma-small", pods=1, ready=1):
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": metadata(
            f"{pool}-{revision}",
            labels={"rollouts-pod-template-hash": revision},
            annotations={"rollout.argoproj.io/revision": str(number)},
            ownerReferences=owned_by(pool),
        ),
        "spec": {
            "replicas": pods,
            "template": {
                "metadata": {"creationTimestamp": None, "labels": {"app.kubernetes.io/name": pool}},
                "spec": {
                    "containers": [
                        {"name": "istio-proxy", "image": "istio/proxyv2:1.30.3"},
                        {
                            "name": "vllm",
                            "image": "vllm/vllm-openai:v0.33.0",
                            "args": ["--model", REPOSITORIES[revision], "--max-num-seqs=64"],
                        },
                    ]
                },
            },
        },
        "status": {"replicas": pods, "readyReplicas": ready},
    }


def measured(name, value, phase="Successful", **counts):
    """A metric's result; `counts` as Argo counts them."""
    return {
        "name": name,
        "phase": "Running",
        "count": sum(counts.values()) or 1,
        **(counts or {"successful": 1}),
        "measurements": [
            {"phase": phase, "value": value, "finishedAt": "2026-11-21T11:59:40Z"},
        ],
        "metadata": {"ResolvedPrometheusQuery": "pool_revision:ttft_seconds:p95"},
    }


GUARD = "len(result) > 0 && !isNaN(result[0]) && "
METRICS = [
    ("ttft-p95", GUARD + "result[0] <= {{args.ttft-p95}}", GUARD + "result[0] > {{args.ttft-p95}}"),
    ("errors", GUARD + "result[0] <= 0.01", GUARD + "result[0] > 0.01"),
]


def analysis_run(name, *results, kind="Background", revision=CANARY, owner=None, **status):
    labels = {"rollouts-pod-template-hash": revision, "rollout-type": kind}
    if kind == "Step":
        labels["step-index"] = "2"
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": metadata(
            name,
            labels=labels if kind != "Experiment" else {},
            ownerReferences=owner or owned_by("gemma-small"),
            creationTimestamp=status.pop("created", "2026-11-21T11:50:00Z"),
        ),
        "spec": {
            "args": [{"name": "ttft-p95", "value": "0.5"}, {"name": "canary-revision"}],
            "metrics": [
                {
                    "name": metric,
                    "interval": "30s",
                    "successCondition": success,
                    "failureCondition": failure,
                    "provider": {"prometheus": {"address": "http://p:9090", "query": "q"}},
                }
                for metric, success, failure in METRICS
            ],
        },
        "status": {"phase": "Running", "metricResults": list(results), **status},
    }


def virtual_service(small=5, large=0, *managed):
    def route(tier, host, weight):
        return {
            "name": f"tier-{tier}",
            "match": [{"headers": {"x-weighbridge-tier": {"exact": tier}}}],
            "route": [
                {
                    "destination": {"host": host, "port": {"number": 8000}, "subset": subset},
                    "weight": share,
                }
                for subset, share in (("stable", 100 - weight), ("canary", weight))
            ],
        }

    small_host, large_host = (f"{p}.llm.svc.cluster.local" for p in ("gemma-small", "llama-large"))
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": metadata("weighbridge-mesh", "istio-ingress"),
        "spec": {
            "hosts": ["*"],
            "http": [
                *(
                    {
                        "name": name,
                        "match": [{"headers": {"x-weighbridge-canary": {"exact": "small"}}}],
                        "route": [
                            {"destination": {"host": small_host, "subset": "canary"}, "weight": 100}
                        ],
                    }
                    for name in managed
                ),
                route("large", large_host, large),
                route("small", small_host, small),
                {
                    "name": "fail-open",
                    "route": [{"destination": {"host": large_host, "subset": "stable"}}],
                },
            ],
        },
    }


def experiment(phase="Running", message=""):
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": metadata(
            "gemma-small-7b8c6d5f94-4-2",
            labels={"rollouts-pod-template-hash": CANARY},
            ownerReferences=owned_by("gemma-small"),
            creationTimestamp="2026-11-21T11:55:00Z",
        ),
        "spec": {
            "duration": "30m",
            "templates": [
                {"name": "old", "selector": {}, "template": {"spec": {"containers": []}}},
                {"name": "new", "selector": {}, "template": {"spec": {"containers": []}}},
            ],
        },
        "status": {
            "phase": phase,
            "message": message,
            "templateStatuses": [
                {
                    "name": name,
                    "status": "Running",
                    "replicas": 1,
                    "updatedReplicas": 1,
                    "readyReplicas": ready,
                    "availableReplicas": ready,
                }
                for name, ready in (("old", 1), ("new", 0))
            ],
        },
    }


def crashing_pod():
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata("gemma-small-x", labels={"rollouts-pod-template-hash": CANARY}),
        "status": {
            "phase": "Running",
            "containerStatuses": [
                {
                    "name": "vllm",
                    "ready": False,
                    "restartCount": 4,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                }
            ],
        },
    }


def write_kubectl(folder, answers, refusals=None):
    """Write a kubectl that answers from a table: documents or lists of them by `RESOURCE[.NAME]`.

    What is in neither table is not found; `refusals` say what goes to standard error.
    """
    answers = {"analysisruns.argoproj.io": [], **answers}
    for name in ("replicasets.apps", "experiments.argoproj.io", "pods"):
        answers.setdefault(name, [])
    folder.mkdir(exist_ok=True)
    for name, found in answers.items():
        document = {"kind": "List", "items": found} if isinstance(found, list) else found
        (folder / name).write_text(json.dumps(document), encoding="utf-8")
    for name, said in (refusals or {}).items():
        (folder / f"{name}.refused").write_text(said, encoding="utf-8")
    script = folder / "kubectl"
    script.write_text(
        f"""#!/bin/sh
cd '{folder}'
echo "$*" >> calls
case "$3" in --*) asked="$2";; *) asked="$2.$3";; esac
if [ -f "$asked.refused" ]; then cat "$asked.refused" >&2; exit 1; fi
if [ ! -f "$asked" ]; then echo "Error from server (NotFound): $asked not found" >&2; exit 1; fi
cat "$asked"
""",
        encoding="utf-8",
    )
    script.chmod(0o755)
    return script
