"""Turns told apart: an ask, a nod to go on, or text that an agent's program put there."""

import pytest
from weighbridge.conversation import is_continuation, spoken_text
from weighbridge.excerpt import SEAM

ASK = "Rename the variable x to total."

INJECTED = [
    "<system-reminder>\nThe todo list is empty. Do not mention this.\n</system-reminder>",
    "<system_reminder>Today is Monday.</system_reminder>",
    "<environment_details>\n# VSCode Visible Files\nsrc/app.py\n</environment_details>",
    "<environment_context>\n  <cwd>/src</cwd>\n  <shell>bash</shell>\n</environment_context>",
    "<user_instructions>\nAlways prove your claims.\n</user_instructions>",
    "<additional_data>\n<current_file>app.py</current_file>\n</additional_data>",
    '<attached_files>\n<code_selection path="app.py">x = 1</code_selection>\n</attached_files>',
    "<open_and_recently_viewed_files>\napp.py\n</open_and_recently_viewed_files>",
    "<ide_opened_file>The user opened app.py</ide_opened_file>",
    "<ide_selection>lines 1 to 9</ide_selection>",
    "<command-name>/clear</command-name>\n<command-message>clear</command-message>",
    "<command-args></command-args>",
    "<local-command-stdout>ok</local-command-stdout>",
    "<task_progress>- [x] read</task_progress>",
    '<system-reminder kind="todo">three left</system-reminder>',
]


@pytest.mark.parametrize("block", INJECTED)
@pytest.mark.parametrize("order", ["{block}\n{ask}", "{ask}\n{block}", "{block}{ask}{block}"])
def test_blocks_that_agents_add_are_left_out_around_the_ask(block, order):
    assert spoken_text(order.format(block=block, ask=ASK)) == ASK


@pytest.mark.parametrize("block", INJECTED)
def test_a_turn_of_nothing_but_injected_blocks_says_nothing(block):
    assert spoken_text(f"\n{block}\n") == ""


@pytest.mark.parametrize(
    "text",
    [
        "Is 1 < 2 and 3 > 2?",
        "<task>Prove the lemma.</task>",
        "<user_query>Why?</user_query>",
        "What does </div> close?",
        "<systematic>no block</systematic>",
        "Explain <system-remind> tags.",
    ],
)
def test_what_the_person_wrote_stays_angle_brackets_included(text):
    assert spoken_text(text) == text


def test_a_block_that_is_not_closed_reaches_to_the_end():
    assert spoken_text(f"{ASK}\n<system-reminder>and so on") == ASK


def test_a_block_cut_by_the_seam_ends_at_the_seam():
    spoken = spoken_text(f"<system-reminder>long{SEAM}{ASK}")

    assert spoken.endswith(ASK)
    assert "long" not in spoken


def test_a_block_whose_opening_fell_into_the_gap_is_left_out_up_to_its_end():
    spoken = spoken_text(f"Before.{SEAM}rest of the list\n</environment_details>\n{ASK}")

    assert "rest of the list" not in spoken
    assert spoken.startswith("Before.")
    assert spoken.endswith(ASK)


def test_a_seam_alone_says_nothing():
    assert spoken_text(SEAM) == ""


@pytest.mark.parametrize(
    "report",
    [
        "[read_file for 'src/app.py'] Result:\ndef prove(): ...",
        "[execute_command] Error:\nno such file",
        "[attempt_completion] Result: done",
    ],
)
def test_a_report_of_a_tool_written_as_the_user_says_nothing(report):
    assert spoken_text(report) == ""


@pytest.mark.parametrize("text", ["[read] this book", "[1] Result: 5", "See [a] Result: b"])
def test_brackets_in_an_ask_are_no_report(text):
    assert spoken_text(text) == text


@pytest.mark.parametrize(
    "nod",
    [
        "continue",
        "Continue.",
        "ok, continue please",
        "Yes, go on!",
        "go ahead",
        "keep going…",
        "yes please do it",
        "thanks, now commit it",
        "commit this",
        "retry",
        "try again",
        "run it then",
        "next",
        "y",
        "LGTM",
        "ship it",
        "weiter",
        "ja, mach weiter",
        "gut, weiter",
        "vale, continúa",
        "sí, sigue",
        "tak, kontynuuj",
        "idź dalej",
        "oui, continuez",
        "да, продолжай",
        "好的 继续",
        "继续",
        "はい 続けて",
        "  proceed  \n",
    ],
)
def test_a_nod_to_go_on_is_a_continuation(nod):
    assert is_continuation(nod)


@pytest.mark.parametrize(
    "ask",
    [
        "continue the proof for n > 2",
        "yes, but why does it converge?",
        "next.js or remix?",
        "commit to a strategy and prove it",
        "What does continue do in Python?",
        "weitere Beispiele bitte erklären",
        "run it on the production cluster with tracing",
        "no",
        "continue " * 20,
    ],
)
def test_what_says_more_than_go_on_is_no_continuation(ask):
    assert not is_continuation(ask)
