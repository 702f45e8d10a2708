"""k6's suite of canaries as the Job that tests/k6 has for a cluster, run beside a rollout."""

from contextlib import contextmanager

import yaml
from weighbridge_lab.installation import REPOSITORY
from weighbridge_lab.waiting import until

JOB = "weighbridge-k6"
NAMESPACE = "llm"
_SETTINGS = f"{JOB}-settings"


@contextmanager
def signing_off(lab, **settings):
    """Start the Job with these settings; gives what waits until it has kept its promises."""
    manifests = list(yaml.safe_load_all(lab.kubectl("kustomize", str(REPOSITORY / "tests" / "k6"))))
    for manifest in manifests:
        manifest["metadata"]["namespace"] = NAMESPACE
        if manifest["metadata"]["name"].startswith(_SETTINGS):
            manifest["data"] |= settings
    lab.apply(manifests)
    try:
        yield lambda: _until_kept(lab)
    finally:
        for manifest in manifests:
            name = f"{manifest['kind']}/{manifest['metadata']['name']}"
            lab.kubectl("delete", name, f"--namespace={NAMESPACE}", "--wait=false")


def _until_kept(lab):
    """Wait for the Job's end; what k6 said is in the error where a promise was broken."""

    def ended():
        status = lab.get("job", JOB, NAMESPACE)["status"]
        return status if status.get("succeeded") or status.get("failed") else None

    status = until("k6 has ended", ended, 90)
    said = lab.kubectl("logs", f"job/{JOB}", f"--namespace={NAMESPACE}")
    assert status.get("succeeded") == 1, said
    return said
