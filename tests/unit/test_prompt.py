"""Bodies of the five API shapes, read into a `Prompt` or refused; nothing in between."""

import json
import sys

import pytest
from unit.bodies import EASY, HARD, assistant, chat, encode, read, text_part, user
from weighbridge.contract import Capability, Endpoint
from weighbridge.errors import BodyOversizedError, BodyUnparsedError
from weighbridge.excerpt import SEAM
from weighbridge.prompt import Ask

PIXEL = "data:image/png;base64," + "iVBORw0KGgo" * 200
TOOL = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}
REMINDER = "<system-reminder>Prove everything, derive every bound.</system-reminder>"


def messages(*turns, **fields):
    return encode({"messages": turns, **fields})


@pytest.mark.parametrize(
    ("endpoint", "document"),
    [
        (Endpoint.CHAT, {"messages": [user(HARD)]}),
        (Endpoint.CHAT, {"messages": [user([text_part(HARD)])]}),
        (Endpoint.MESSAGES, {"messages": [user(HARD)]}),
        (Endpoint.MESSAGES, {"messages": [user([text_part(HARD)])], "system": "Be terse."}),
        (Endpoint.COMPLETIONS, {"prompt": HARD}),
        (Endpoint.COMPLETIONS, {"prompt": [HARD]}),
        (Endpoint.RESPONSES, {"input": HARD}),
        (Endpoint.RESPONSES, {"input": [user(HARD)]}),
        (
            Endpoint.RESPONSES,
            {"input": [{"type": "message", **user([{"type": "input_text", "text": HARD}])}]},
        ),
        (Endpoint.EMBEDDINGS, {"input": HARD}),
        (Endpoint.EMBEDDINGS, {"input": [HARD]}),
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_the_ask_is_found_in_each_shape(endpoint, document, ascii_only):
    prompt = read(encode({"model": "auto", **document}, ascii_only=ascii_only), endpoint)

    assert prompt.ask is not None
    assert prompt.ask.text == HARD.strip()
    assert (prompt.endpoint, prompt.model, prompt.turns) == (endpoint, "auto", 1)
    assert len(HARD) <= prompt.text_bytes <= len(HARD) + 40
    assert prompt.needs == frozenset()


@pytest.mark.parametrize("indent", [None, 2])
def test_white_space_between_the_tokens_changes_nothing(indent):
    document = json.loads(chat(EASY, HARD, tools=[TOOL], max_tokens=7))

    spaced = read(json.dumps(document, indent=indent).encode())

    assert spaced.ask == Ask(HARD.strip(), len(json.dumps(HARD)))
    assert (spaced.max_tokens, spaced.needs) == (7, {Capability.TOOLS})


def test_fields_that_are_not_known_are_passed_over():
    prompt = read(chat(EASY, metadata={"user": {"deep": [1, {}]}}, stream=True, n=None))

    assert prompt.ask.text == EASY


@pytest.mark.parametrize(
    ("endpoint", "stray"),
    [
        (Endpoint.CHAT, {"input": EASY}),
        (Endpoint.CHAT, {"prompt": EASY}),
        (Endpoint.MESSAGES, {"input": EASY}),
    ],
)
def test_the_prompt_of_another_api_does_not_stand_in_for_the_messages(endpoint, stray):
    assert read(messages(user(HARD), **stray), endpoint).ask.text == HARD.strip()


def test_the_parts_of_one_turn_are_one_ask():
    prompt = read(chat([text_part("First."), text_part("Second.")]))

    assert prompt.ask.text == "First.\nSecond."


def test_of_very_many_parts_the_first_and_the_last_are_read():
    prompt = read(chat([text_part(f"part {number}") for number in range(500)]))

    lines = prompt.ask.text.splitlines()
    assert (lines[0], lines[-1]) == ("part 0", "part 499")
    assert len(lines) == 16
    assert prompt.ask.size > 500 * len("part 1")


def test_asks_come_newest_first_and_answers_are_no_asks():
    prompt = read(chat("one?", "two?", "three?"))

    assert (prompt.ask.text, [ask.text for ask in prompt.earlier]) == ("three?", ["two?", "one?"])
    assert prompt.turns == 5


def test_a_nod_gives_the_floor_to_the_ask_before_it():
    prompt = read(chat(HARD, "ok, continue", "go on"))

    assert prompt.ask.text == HARD.strip()
    assert prompt.earlier == ()


def test_a_conversation_of_nods_alone_is_weighed_by_its_last_nod():
    assert read(chat("continue", "go on")).ask.text == "go on"


def test_reminders_beside_the_ask_are_not_weighed_but_counted():
    bare = read(chat(EASY))
    reminded = read(chat([text_part(REMINDER), text_part(EASY)]))

    assert reminded.ask.text == bare.ask.text
    assert reminded.text_bytes > bare.text_bytes + len(REMINDER)


def test_a_turn_of_reminders_alone_is_not_the_ask():
    assert read(messages(user(HARD), assistant(), user(REMINDER))).ask.text == HARD.strip()


@pytest.mark.parametrize("earlier_asks", [0, 1, 3, 4, 5, 16])
@pytest.mark.parametrize("turns", [1, 4, 5, 6, 40])
def test_no_more_earlier_asks_are_kept_than_the_limit_and_none_twice(earlier_asks, turns):
    asks = [f"question {number}?" for number in range(turns)]

    prompt = read(chat(*asks), earlier_asks=earlier_asks)

    kept = [prompt.ask.text, *(ask.text for ask in prompt.earlier)]
    assert kept[0] == asks[-1]
    assert len(kept) == len(set(kept)) == min(1 + earlier_asks, turns)
    assert kept == sorted(kept, key=asks.index, reverse=True)


def test_a_long_conversation_keeps_the_task_that_opened_it():
    prompt = read(chat("the task", *(f"step {number}?" for number in range(100))))

    assert prompt.earlier[-1].text == "the task"
    assert prompt.ask.text == "step 99?"


def test_very_many_turns_without_an_ask_do_not_hide_the_opening():
    prompt = read(chat(HARD, *[REMINDER] * 400))

    assert prompt.ask.text == HARD.strip()


@pytest.mark.parametrize(
    "report",
    [
        {"role": "tool", "tool_call_id": "1", "content": HARD},
        {"role": "function", "name": "search", "content": HARD},
        user([{"type": "tool_result", "tool_use_id": "1", "content": HARD}]),
        user([{"type": "tool_result", "tool_use_id": "1", "content": [text_part(HARD)]}]),
    ],
)
def test_what_a_tool_reports_is_counted_but_is_not_what_the_user_asks(report):
    without = read(messages(user(EASY), assistant()))
    prompt = read(messages(user(EASY), assistant(), report))

    assert prompt.ask.text == EASY
    assert prompt.earlier == ()
    assert prompt.text_bytes >= without.text_bytes + len(HARD)


def test_words_beside_a_tool_result_are_the_users():
    result = {"type": "tool_result", "tool_use_id": "1", "content": HARD}

    assert read(chat(HARD, [result, text_part(EASY)])).ask.text == EASY


@pytest.mark.parametrize(
    "item",
    [
        {"type": "function_call_output", "call_id": "1", "output": HARD},
        {"type": "computer_call_output", "call_id": "1", "output": HARD},
        {"type": "function_call", "name": "search", "arguments": HARD},
        {"type": "reasoning", "summary": []},
    ],
)
def test_items_of_a_responses_request_that_are_no_message_are_no_ask(item):
    prompt = read(encode({"input": [user(EASY), item]}), Endpoint.RESPONSES)

    assert (prompt.ask.text, prompt.turns) == (EASY, 2)
    if item["type"] != "reasoning":
        assert prompt.text_bytes > len(HARD)


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "image_url", "image_url": {"url": PIXEL}}],
        [{"type": "input_image", "image_url": PIXEL}],
        [{"type": "image", "source": {"type": "base64", "data": PIXEL}}],
        [{"type": "tool_result", "content": [{"type": "image", "source": {"data": PIXEL}}]}],
    ],
)
def test_an_image_needs_vision_and_is_not_counted_as_text(content):
    prompt = read(chat([*content, text_part(EASY)]))

    assert (prompt.images, prompt.needs) == (1, {Capability.VISION})
    assert prompt.text_bytes < len(PIXEL)
    assert prompt.ask.text == EASY


def test_images_of_earlier_turns_still_need_vision():
    image = {"type": "image_url", "image_url": {"url": PIXEL}}

    prompt = read(chat([image, image], EASY))

    assert (prompt.images, prompt.needs) == (2, {Capability.VISION})


@pytest.mark.parametrize("kind", ["input_audio", "audio", "audio_url"])
def test_audio_needs_ears(kind):
    prompt = read(chat([{"type": kind, kind: {"data": PIXEL}}, text_part(EASY)]))

    assert prompt.needs == {Capability.AUDIO}
    assert prompt.text_bytes < len(PIXEL)


def test_an_image_alone_asks_nothing():
    prompt = read(chat([{"type": "image_url", "image_url": {"url": PIXEL}}]))

    assert prompt.ask is None
    assert prompt.needs == {Capability.VISION}


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({"tools": [TOOL]}, {Capability.TOOLS}),
        ({"functions": [{"name": "search"}]}, {Capability.TOOLS}),
        ({"tools": []}, set()),
        ({"tools": None}, set()),
        ({"tools": {}}, set()),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, {Capability.JSON_SCHEMA}),
        ({"text": {"format": {"type": "json_schema"}}}, {Capability.JSON_SCHEMA}),
        ({"response_format": {"type": "json_object"}}, set()),
        ({"response_format": None}, set()),
        ({"text": None}, set()),
        ({"text": {"format": None}}, set()),
        ({"text": {"verbosity": "low"}}, set()),
        (
            {"tools": [TOOL], "response_format": {"type": "json_schema"}},
            {Capability.TOOLS, Capability.JSON_SCHEMA},
        ),
    ],
)
def test_needs_follow_from_the_fields(fields, needs):
    assert read(chat(EASY, **fields)).needs == needs


@pytest.mark.parametrize("field", ["tools", "functions", "system", "instructions"])
def test_what_stands_beside_the_messages_counts_as_text(field):
    value = [{"name": "x" * 5000}] if field in {"tools", "functions"} else "x" * 5000

    assert 5000 < read(chat(EASY, **{field: value})).text_bytes < 5200


@pytest.mark.parametrize(
    "body",
    [
        messages({"role": "system", "content": "Be terse."}, user(EASY)),
        messages({"role": "developer", "content": "Be terse."}, user(EASY)),
        messages({"role": "system", "content": [text_part("Be terse.")]}, user(EASY)),
        messages(user(EASY), system="Be terse."),
        messages(user(EASY), instructions="Be terse."),
        messages(user(EASY), {"role": "developer", "content": "Be terse."}),
    ],
)
def test_system_text_is_kept_apart_from_the_ask(body):
    prompt = read(body)

    assert (prompt.system, prompt.ask.text) == ("Be terse.", EASY)


def test_of_a_long_system_text_the_head_is_kept():
    prompt = read(chat(EASY, system="word " * 10_000))

    assert prompt.system.startswith("word word")
    assert len(prompt.system) <= 1024


def test_a_system_text_in_parts_is_counted():
    prompt = read(chat(EASY, system=[text_part("x" * 3000)]))

    assert prompt.text_bytes > 3000


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, None),
        ({"max_tokens": 100}, 100),
        ({"max_completion_tokens": 100}, 100),
        ({"max_output_tokens": 100}, 100),
        ({"max_tokens": 1, "max_completion_tokens": 100}, 100),
        ({"max_tokens": None}, None),
        ({"max_tokens": "100"}, None),
        ({"max_tokens": -1}, None),
        ({"max_tokens": 1.5}, None),
        ({"max_tokens": True}, None),
        ({"max_tokens": None, "max_output_tokens": 9}, 9),
    ],
)
def test_the_length_of_the_answer_is_read_where_it_is_a_whole_number(fields, tokens):
    assert read(chat(EASY, **fields)).max_tokens == tokens


@pytest.mark.parametrize(
    ("prompt", "text", "token_ids"),
    [
        ("once", "once", 0),
        (["once", "twice"], "once\ntwice", 0),
        ([1, 2, 3], None, 3),
        ([[1, 2], [3]], None, 3),
        ([0], None, 1),
        ([[7]], None, 1),
        ([], None, 0),
        ("", None, 0),
        ([""], None, 0),
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    ("endpoint", "key"), [(Endpoint.COMPLETIONS, "prompt"), (Endpoint.EMBEDDINGS, "input")]
)
def test_legacy_prompts_are_texts_or_token_ids(endpoint, key, indent, prompt, text, token_ids):
    read_as = read(json.dumps({key: prompt}, indent=indent).encode(), endpoint)

    assert (read_as.ask.text if read_as.ask else None) == text
    assert read_as.token_ids == token_ids


@pytest.mark.parametrize("endpoint", [Endpoint.COMPLETIONS, Endpoint.EMBEDDINGS])
def test_a_plain_request_without_its_prompt_asks_nothing(endpoint):
    prompt = read(encode({"model": "m"}), endpoint)

    assert (prompt.ask, prompt.turns, prompt.model) == (None, 0, "m")


@pytest.mark.parametrize(
    "body",
    [
        messages(),
        encode({}),
        encode({"messages": None}),
        messages(user("")),
        messages(user("  \n ")),
        messages(user([])),
        messages(user(None)),
        messages(user({"text": "object"})),
        messages(user(5)),
        messages(assistant("I speak.")),
        messages({"content": "no role"}),
        messages({"role": "narrator", "content": "another role"}),
        messages(user([{"type": "text"}, {"text": None}, {"text": 5}, {}])),
    ],
)
def test_a_request_without_words_of_the_user_asks_nothing(body):
    assert read(body).ask is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"messages"',
        b"5",
        b"{",
        b'{"messages": [',
        b"not json",
        b"{}{}",
        b"{} trailing",
        b'--form\r\nContent-Disposition: form-data; name="file"\r\n\r\nRIFF\r\n--form--\r\n',
        b"\x1f\x8b\x08\x00binary",
        encode({"messages": "text"}),
        encode({"messages": {"role": "user"}}),
        encode({"messages": ["text"]}),
        encode({"messages": [[user(EASY)]]}),
        messages({"role": 5, "content": "x"}),
        messages({"role": ["user"], "content": "x"}),
        messages(user(["bare string"])),
        messages(user([{"type": 5}])),
        messages(user(EASY), response_format="json"),
        messages(user(EASY), response_format={"type": 5}),
        messages(user(EASY), text=[]),
        b'{"messages": [{"role": "user", "content": "raw\nline"}]}',
        b"{'messages': []}",
        b'{"messages": [],}',
    ],
)
def test_what_is_no_request_is_unparsed(body):
    with pytest.raises(BodyUnparsedError, match="expected a chat request"):
        read(body)


@pytest.mark.parametrize(
    ("endpoint", "document"),
    [
        (Endpoint.COMPLETIONS, {"prompt": {"text": "x"}}),
        (Endpoint.COMPLETIONS, {"prompt": None}),
        (Endpoint.COMPLETIONS, {"prompt": True}),
        (Endpoint.EMBEDDINGS, {"input": {"a": 1}}),
        (Endpoint.RESPONSES, {"input": 5}),
        (Endpoint.RESPONSES, {"input": {"role": "user"}}),
        (Endpoint.RESPONSES, {"input": ["text"]}),
    ],
)
def test_a_prompt_of_the_wrong_type_is_unparsed(endpoint, document):
    with pytest.raises(BodyUnparsedError, match=f"expected a {endpoint} request"):
        read(encode(document), endpoint)


def test_an_unparsed_body_is_not_quoted_in_the_error():
    with pytest.raises(BodyUnparsedError) as raised:
        read(b'{"messages": [{"role": "user", "content": "my secret"')

    assert "secret" not in str(raised.value)


def test_of_two_equal_keys_the_last_wins_as_it_does_in_the_pool():
    body = b'{"messages":[{"role":"user","content":"first"}],"messages":[%b]}'
    message = b'{"role":"system","role":"user","content":"old","content":"second"}'

    prompt = read(body % message)

    assert (prompt.ask.text, prompt.turns) == ("second", 1)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("field", ["temperature", "max_tokens"])
def test_numbers_that_only_python_takes_for_json_do_not_hide_the_prompt(constant, field):
    body = chat(EASY)[:-1] + f', "{field}": {constant}}}'.encode()

    prompt = read(body)

    assert (prompt.ask.text, prompt.max_tokens) == (EASY, None)


def test_utf_16_is_read_as_pythons_parser_reads_it():
    body = json.dumps({"messages": [user("你好")]}, ensure_ascii=False).encode("utf-16")

    assert read(body).ask.text == "你好"


def test_a_large_body_with_such_a_number_is_not_parsed_a_second_time():
    body = chat("x" * 300_000)[:-1] + b', "temperature": NaN}'

    with pytest.raises(BodyUnparsedError):
        read(body)


@pytest.mark.parametrize(
    "depth", [200, sys.getrecursionlimit(), 100 * sys.getrecursionlimit(), 1_000_000]
)
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_read_or_refused_and_never_breaks_the_process(depth, brackets):
    opening, closing = brackets
    nested = opening * depth + b"1" + closing * depth
    body = chat(EASY)[:-1] + b', "metadata": ' + nested + b"}"

    if depth <= 200:
        assert read(body).ask.text == EASY
    else:
        with pytest.raises((BodyUnparsedError, BodyOversizedError)):
            read(body, parts=65_536)


@pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "\\udc00\\ud800"])
def test_lone_surrogates_neither_break_the_reading_nor_come_out(escape):
    prompt = read(f'{{"messages":[{{"role":"user","content":"be {escape} kind"}}]}}'.encode())

    assert prompt.ask.text.startswith("be ")
    assert prompt.ask.text.endswith(" kind")
    prompt.ask.text.encode()


def test_bytes_that_are_not_utf8_lose_only_themselves():
    body = b'{"messages":[{"role":"user","content":"be \xff\xfe kind"}]}'

    assert read(body).ask.text == "be  kind"


@pytest.mark.parametrize("escaped", ["\\u0000", "\\u001b[31m", "\\b\\f"])
def test_escaped_control_characters_are_read(escaped):
    body = f'{{"messages":[{{"role":"user","content":"be {escaped} kind"}}]}}'.encode()

    assert read(body).ask.text == json.loads(f'"be {escaped} kind"')


@pytest.mark.parametrize("budget", [256, 1000, 4096])
def test_of_a_long_text_the_head_and_the_tail_are_read(budget):
    text = "Prove it. " + "filler words " * 5000 + "Why?"

    ask = read(chat(text), text_bytes=budget).ask

    assert ask.text.startswith("Prove it.")
    assert ask.text.endswith("Why?")
    assert ask.text.count(SEAM) == 1
    assert len(ask.text) <= budget + len(SEAM)
    assert ask.size == len(json.dumps(text))


def test_many_long_parts_together_stay_within_the_budget():
    ask = read(chat([text_part("x" * 9000)] * 16), text_bytes=512).ask

    assert len(ask.text) <= 512 + len(SEAM)
    assert ask.size > 16 * 9000


@pytest.mark.parametrize("text", ["你好世界" * 50, "你好世界" * 20_000])
def test_cjk_as_escapes_counts_what_it_takes_in_utf8(text):
    escaped = read(chat(text)).text_bytes
    plain = read(encode({"messages": [user(text)]}, ascii_only=False)).text_bytes

    assert plain == pytest.approx(len(text.encode()), rel=0.05)
    assert escaped == pytest.approx(plain, rel=0.25)
    assert escaped >= plain


@pytest.mark.parametrize("text", ["C:\\users\\umbrella\\" * 500, "\\u" * 4000])
def test_backslashes_before_a_plain_u_are_no_escapes(text):
    assert read(chat(text)).text_bytes >= len(text)


def test_a_body_of_very_many_objects_is_oversized():
    with pytest.raises(BodyOversizedError, match="at most 64 objects"):
        read(chat(*["hi"] * 100), parts=64)


def test_a_list_of_very_many_strings_is_oversized():
    with pytest.raises(BodyOversizedError, match="at most 64 objects or strings"):
        read(encode({"input": ["x"] * 100}), Endpoint.EMBEDDINGS, parts=64)


def test_as_many_objects_as_the_limit_are_read():
    parts = [text_part("x")] * 62

    assert read(encode({"messages": [user(parts)]}), parts=64).turns == 1


@pytest.mark.parametrize(
    ("model", "name"),
    [("llama", "llama"), ("", ""), (None, ""), (5, ""), (["llama"], ""), ("x" * 600, "")],
)
def test_the_model_is_read_where_it_is_a_short_string(model, name):
    assert read(encode({"model": model, "messages": [user(EASY)]})).model == name
