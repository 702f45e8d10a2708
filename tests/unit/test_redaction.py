"""Redaction: what looks personal or secret goes, ordinary text stays, and no text takes long."""

import sys
import time

import pytest
from weighbridge.errors import SettingsError
from weighbridge.redaction import EMAIL, NUMBER, SECRET, load_hook, redact

KEY = "Zx9" * 4 + "qT7" * 8
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\ndef==\n-----END RSA PRIVATE KEY-----"

TAKEN_OUT = [
    ("jane.doe+x@mail.example.co.uk", EMAIL),
    ("józef@przykład.pl", EMAIL),
    ("+48 601 234 567", NUMBER),
    ("(+44) 20 7946 0958", NUMBER),
    ("555-123-4567", NUMBER),
    ("(555) 123-4567", NUMBER),
    ("06 12 34 56 78", NUMBER),
    ("0171/1234567", NUMBER),
    ("601234567", NUMBER),
    ("٠١٢٣٤٥٦٧٨٩", NUMBER),
    ("4111 1111 1111 1111", NUMBER),
    ("4111-1111-1111-1111", NUMBER),
    ("3782 822463 10005", NUMBER),
    ("4111111111111111", NUMBER),
    ("078-05-1120", NUMBER),
    ("PL61 1090 1014 0000 0712 1981 2874", NUMBER),
    ("DE89370400440532013000", NUMBER),
    ("sk-proj-abcDEF123456", SECRET),
    ("ghp_" + "aB3" * 12, SECRET),
    ("AKIAIOSFODNN7EXAMPLE", SECRET),
    ("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4", SECRET),
    ("9f86d081884c7d659a2feaa0c55ad015", SECRET),
    (KEY, SECRET),
    (PEM, SECRET),
]

IN_PLACE = [
    ("Authorization: Bearer abc.def-123", f"Authorization: Bearer {SECRET}"),
    ("basic dXNlcjpwYXNz", f"basic {SECRET}"),
    ("password: hunter2", f"password: {SECRET}"),
    ('"api_key": "hunter2hunter"', f'"api_key": "{SECRET}"'),
    ("AWS_SECRET_ACCESS_KEY=wJalr/UtnFEMI", f"AWS_SECRET_ACCESS_KEY={SECRET}"),
    ("postgres://joe:hunter2@db/x", f"postgres://{SECRET}@db/x"),
    ("write to a@b.example, or c@d.example.", f"write to {EMAIL}, or {EMAIL}."),
]

LEFT = [
    "What is 17 * 23, and what is 1,000,000 / 7?",
    "Is 12+1234567 more than 12 + 1234567?",
    "Sort 5, 3, 9, 1, 2, 8, 4, 7, 6, 0.",
    "On 2024-05-01 at 10:30:00 the price was 1234.56 for 99 units.",
    "def tokens(key): return key.split('@')  # decorators: @property",
    "The Basic idea: a bearer of news passes the keystone.",
    "https://example.org/a/path?with=query",
    "Zażółć gęślą jaźń. Ile to jest 12 + 30?",
    "internationalisation_of_a_long_identifier_without_digits",
    "supercalifragilisticexpialidociousandmore",
    "",
]

HOSTILE = {
    "one letter": "a",
    "digits": "1",
    "digits apart": "1 ",
    "dashes": "0-",
    "at signs": "a@",
    "dots": "a@b.",
    "brackets": "(123)",
    "key heads": "-----BEGIN PRIVATE KEY-----",
    "half heads": "-----BEGIN ",
    "addresses": "://a",
    "tokens": "eyJ",
    "names": 'token"   ',
    "mixed": "a1",
    "almost": "a" * 31 + " ",
    "marks": "basic ",
}


@pytest.mark.parametrize(("found", "mark"), TAKEN_OUT)
def test_what_looks_personal_or_secret_is_taken_out(found, mark):
    for before, after in (("", ""), ("see ", " please"), ("(", ")"), ("a\n", "\nb"), ('"', '",')):
        assert redact(f"{before}{found}{after}") == f"{before}{mark}{after}"


@pytest.mark.parametrize(("text", "redacted"), IN_PLACE)
def test_what_stands_around_a_secret_is_left(text, redacted):
    assert redact(text) == redacted


def test_a_private_key_without_an_end_takes_the_rest_with_it():
    assert redact(f"see {PEM[:45]} and so on") == f"see {SECRET}"


@pytest.mark.parametrize("text", LEFT)
def test_ordinary_text_is_left_as_it_is(text):
    assert redact(text) == text


@pytest.mark.parametrize(("text", "_"), [*TAKEN_OUT, *IN_PLACE])
def test_what_was_redacted_once_stays_as_it_is(text, _):
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("seed", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_grows_with_length_and_no_faster(seed):
    def seconds(size):
        text = (seed * (size // len(seed) + 1))[:size]
        started = time.thread_time()
        redact(text)
        return time.thread_time() - started

    # A square would take 64 times as long; thread time does not see a busy machine.
    small = min(seconds(32_768) for _ in range(3))
    assert seconds(262_144) < 30 * max(small, 0.001)


def test_a_hook_is_found_by_its_path():
    assert load_hook("weighbridge.redaction:redact") is redact


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no.such.module:hook", "can't be imported: ModuleNotFoundError"),
        ("weighbridge.redaction:absent", "can't be imported: AttributeError"),
        ("weighbridge.redaction:EMAIL", "expected a function"),
    ],
)
def test_a_hook_that_is_not_there_is_a_fault_of_the_settings(path, message):
    with pytest.raises(SettingsError, match=r"^capture\.redact_hook: ") as raised:
        load_hook(path)

    assert message in str(raised.value)
    assert path in str(raised.value)


def test_a_hook_whose_module_fails_is_a_fault_of_the_settings(tmp_path, monkeypatch):
    (tmp_path / "failing_hook_module.py").write_text("1 / 0", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(SettingsError, match="ZeroDivisionError"):
        load_hook("failing_hook_module:hook")

    assert "failing_hook_module" not in sys.modules
