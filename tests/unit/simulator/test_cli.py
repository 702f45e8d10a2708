import inspect

import pytest
from typer.testing import CliRunner
from weighbridge_simulator import cli, server
from weighbridge_simulator.failures import Failures
from weighbridge_simulator.settings import Settings


@pytest.fixture
def settings_of(monkeypatch):
    """What the server would be started with."""

    def settings_of(*flags):
        started = []
        monkeypatch.setattr(server, "run", started.append)
        result = CliRunner().invoke(cli._app, flags)
        assert result.exit_code == 0, result.output
        return started[0]

    return settings_of


def test_without_flags_the_defaults_are_those_of_the_settings(settings_of):
    assert settings_of() == Settings()


def test_every_setting_and_failure_has_a_flag():
    flags = set(inspect.signature(cli._serve).parameters)
    wanted = set(Settings.__struct_fields__) | set(Failures.__struct_fields__)
    assert wanted - flags == {"failures", "served_model_names"}
    assert flags - wanted == {"served_model_name"}


def test_flags_become_settings(settings_of, tmp_path):
    settings = settings_of(
        *("--served-model-name", "gemma", "--served-model-name", "auto", "--any-model"),
        *("--port", "0", "--itl-ms", "1000", "--no-prefix-caching", "--answers", str(tmp_path)),
        *("--error-rate", "0.5", "--error-status", "503", "--crash-after-seconds", "9"),
    )
    assert settings.served_model_names == ("gemma", "auto")
    assert (settings.port, settings.itl_ms, settings.answers) == (0, 1000.0, tmp_path)
    assert (settings.any_model, settings.prefix_caching) == (True, False)
    assert settings.failures == Failures(error_rate=0.5, error_status=503, crash_after_seconds=9)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("--error-rate", "2"), "error_rate"),
        (("--error-status", "404"), "error_status"),
        (("--garbage-usage", "some"), "garbage_usage"),
        (("--itl-ms", "-1"), "itl_ms"),
        (("--max-model-len", "1000000"), "KV"),
    ],
)
def test_impossible_flags_are_refused_by_name(flags, complaint):
    result = CliRunner().invoke(cli._app, flags)
    assert result.exit_code == 2
    assert complaint in result.output


def test_the_defaults_are_pinned():
    assert Settings() == Settings(
        host="127.0.0.1",
        port=8000,
        served_model_names=("simulated",),
        any_model=False,
        echo_model=False,
        vllm_version="0.33.0",
        max_model_len=131072,
        max_num_seqs=256,
        kv_blocks=16384,
        block_size=16,
        prefix_caching=True,
        ttft_ms=50.0,
        ttft_jitter=0.0,
        prefill_us_per_token=20.0,
        itl_ms=20.0,
        itl_jitter=0.1,
        batch_interference=0.001,
        speed=1.0,
        output_tokens=64,
        embedding_dimensions=384,
        seed=0,
        answers=None,
        startup_seconds=0.0,
        drain_seconds=30.0,
        body_limit_bytes=67108864,
        body_digest=False,
        debug_endpoints=False,
        ready_file=None,
        failures=Failures(),
    )
