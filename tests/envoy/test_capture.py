"""Capture on the whole path: what goes through real Envoy is kept by the router and by no other."""

import json
from pathlib import Path

from envoy_rig.requests import EASY, chat, client_of
from envoy_rig.rig import wait_until

CANARY = "the canary sings at dawn"


def test_a_prompt_through_envoy_is_found_in_the_capture_folder_alone(rig, endpoints, tmp_path):
    kept = tmp_path / "kept"
    router = rig.router(
        WEIGHBRIDGE_CAPTURE__FOLDER=str(kept),
        WEIGHBRIDGE_CAPTURE__SAMPLE="1",
        WEIGHBRIDGE_LOG__LEVEL="debug",
    )
    envoy = rig.envoy(endpoints, [router.endpoint])
    with client_of(envoy) as client:
        asked = [
            client.post("/v1/chat/completions", json=chat(f"{CANARY}. {EASY} Mail a@b.example")),
            client.post("/v1/completions", json={"model": "auto", "prompt": CANARY}),
            client.post("/v1/embeddings", json={"model": "auto", "input": CANARY}),
        ]
    wait_until(lambda: 'capture_total{result="kept"} 2.0' in router.metrics(), "two prompts kept")

    assert [response.status_code for response in asked] == [200] * 3
    assert CANARY not in router.metrics()
    assert [path.name for path in files_with(CANARY, Path(rig.folder))] == []
    (path,) = kept.iterdir()
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert lines == [{"prompt": f"{CANARY}. {EASY} Mail [email]"}, {"prompt": CANARY}]


def files_with(words, folder):
    """Logs and configurations of all that runs, as far as they hold the words."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    assert any("router" in path.name for path in paths)
    assert any("access" in path.name for path in paths)
    return [path for path in paths if words.encode() in path.read_bytes()]
