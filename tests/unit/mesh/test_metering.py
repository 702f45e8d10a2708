"""Token accounting in the rendering; what it does is tested with real Envoy in tests/envoy."""

import re

import pytest
from typer.testing import CliRunner
from weighbridge.contract import USAGE_KEY, USAGE_NAMESPACE, ReceiptField
from weighbridge_mesh.bootstrap import bootstrap, to_yaml
from weighbridge_mesh.cli import app
from weighbridge_mesh.metering import receipt_fields, usage_script
from weighbridge_mesh.options import BootstrapOptions, Endpoint, MeteringOptions
from weighbridge_mesh.validation import validate

METERING = MeteringOptions(meter=Endpoint("127.0.0.1", 9003), user="%REQ(x-user)%")


def manager(options):
    (listener,) = bootstrap(options)["static_resources"]["listeners"]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def names(items):
    return [item["name"].rpartition(".")[2] for item in items]


def test_without_it_nothing_of_it_is_there():
    assert "meter" not in to_yaml(bootstrap(BootstrapOptions())).replace("parameter", "")


def test_the_filter_stands_between_the_routers_and_the_last():
    filters = manager(BootstrapOptions(metering=METERING))["http_filters"]
    assert names(filters) == ["ext_proc", "lua", "router"]


def test_receipts_are_a_second_access_log():
    logs = manager(BootstrapOptions(metering=METERING))["access_log"]
    assert names(logs) == ["stdout", "open_telemetry"]


@pytest.mark.parametrize("meter", ["127.0.0.1:9003", "meter.example:9003", "unix:/run/meter.sock"])
def test_envoy_accepts(meter, tmp_path):
    printed = CliRunner().invoke(app, ["bootstrap", "--meter", meter, "--team", "%REQ(x-a)%"])
    file = tmp_path / "envoy.yaml"
    file.write_text(printed.output)
    validate(file)
    assert "%REQ(x-a)%" in printed.output


def test_a_receipt_says_nothing_that_a_request_says_but_who_and_where():
    expressions = " ".join(receipt_fields(METERING).values())
    assert set(re.findall(r"%REQ\((.*?)\)%", expressions)) == {
        "x-weighbridge-tier",
        "x-team",
        "x-user",
    }
    assert "%PATH(NQ:PATH)%" in expressions
    assert not re.search("BODY|QUERY|HEADERS|COOKIE", expressions)


def test_users_are_told_only_where_they_are_asked_for():
    told = receipt_fields(MeteringOptions(meter=Endpoint("127.0.0.1", 9003)))
    assert ReceiptField.USER not in told


def test_the_script_notes_what_the_log_reads():
    script = usage_script()
    assert f'NAMESPACE, KEY = "{USAGE_NAMESPACE}", "{USAGE_KEY}"' in script
    seen = receipt_fields(METERING)[ReceiptField.SEEN]
    assert seen == f"%DYNAMIC_METADATA({USAGE_NAMESPACE}:{USAGE_KEY})%"


def test_receipts_must_be_sent_some_time():
    with pytest.raises(ValueError, match="flush_s: expected above 0, came 0"):
        MeteringOptions(meter=Endpoint("127.0.0.1", 9003), flush_s=0)
