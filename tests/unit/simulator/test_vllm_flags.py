import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner
from weighbridge_simulator import cli, server
from weighbridge_simulator.vllm_flags import translate


@pytest.mark.parametrize(
    ("words", "arguments", "ignored"),
    [
        ((), (), ()),
        (("--port", "1", "--echo-model"), ("--port", "1", "--echo-model"), ()),
        (("/models/a",), (), ("/models/a",)),
        (
            ("/m", "--served-model-name", "a", "b", "--port=1"),
            ("--served-model-name", "a", "--served-model-name", "b", "--port=1"),
            ("/m",),
        ),
        (("--served-model-name=a", "--port=1"), ("--served-model-name=a", "--port=1"), ()),
        (("--served-model-name", "a"), ("--served-model-name", "a"), ()),
        (("--dtype=bfloat16", "--port=1"), ("--port=1",), ("--dtype=bfloat16",)),
        (("--dtype", "half", "--port=1"), ("--port=1",), ("--dtype", "half")),
        (("--enforce-eager", "--port=1"), ("--port=1",), ("--enforce-eager",)),
        (("--shutdown-timeout=30",), ("--drain-seconds=30",), ()),
        (("--shutdown-timeout", "30"), ("--drain-seconds", "30"), ()),
        (("--no-enable-prefix-caching",), ("--no-prefix-caching",), ()),
        (("--ttft-facter", "4"), ("--ttft-facter", "4"), ()),
    ],
)
def test_words_of_vllm_become_the_simulators(words, arguments, ignored):
    translation = translate(words)

    assert (translation.arguments, translation.ignored) == (arguments, ignored)


@given(st.lists(st.sampled_from(["--port=1", "--any-model", "--itl-ms=2", "--speed=0"])))
def test_its_own_words_stay_as_they_are(words):
    assert translate(words).arguments == tuple(words)


def test_the_server_starts_with_a_command_line_of_vllms(monkeypatch, capsys):
    started = []
    monkeypatch.setattr(server, "run", started.append)
    words = ["/m", "--served-model-name", "a", "b", "--shutdown-timeout=7", "--dtype=half"]
    monkeypatch.setattr("sys.argv", ["weighbridge-simulator", *words])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 0
    assert (started[0].served_model_names, started[0].drain_seconds) == (("a", "b"), 7)
    assert "ignores what is vLLM's: /m --dtype=half" in capsys.readouterr().out


def test_a_flag_of_neither_is_refused():
    arguments = translate(["/m", "--ttft-facter=4"]).arguments

    assert CliRunner().invoke(cli._app, list(arguments)).exit_code == 2
