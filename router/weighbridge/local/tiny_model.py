"""Write a random model so small that vLLM serves it on a CPU: a folder in Hugging Face's layout.

In: a family and a seed. Out: configuration, weights, tokenizer and chat template, about 6 MB, the
same bytes for the same arguments. The answers are English words in a senseless order, which is all
that a test of routing, streaming and metrics needs. Only the standard library is used: neither
this package's environment nor vLLM's has to be there to make a million numbers.
"""

import json
import math
import random
import struct
from array import array
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

CONTEXT_WINDOW: Final = 8192
"""Tokens of prompt and answer together that the models are configured for."""

_VOCABULARY: Final = 512
_HIDDEN: Final = 256
_FEED_FORWARD: Final = 512
_LAYERS: Final = 2
_HEADS: Final = 4
_KV_HEADS: Final = 2
_HEAD_DIM: Final = 64  # vLLM's CPU attention refuses 16 ("Unsupported CPU attention configuration")

_EMBEDDING: Final = "model.embed_tokens.weight"
_OUTPUT: Final = "lm_head.weight"

_ENDS: Final = tuple(f"<|end-{number}|>" for number in range(4))
"""Tokens that end an answer: of several random ones, one is always likely enough to come soon."""
_BEGIN: Final = "<|begin|>"
_SPECIAL: Final = (*_ENDS, _BEGIN)
_CHAT_TEMPLATE: Final = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}\n"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
_WORDS: Final = """
the of and to in is that for it as was with be by on not he his but at are this have from or had an
they which one you were her all she there would their we him been has when who will more no if out
so said what up its about into than them can only other new some could time these two may then do
first any my now such like our over man me even most made after also did many before must through
back years where much your way well down should because each just those people how too little state
good very make world
"""
"""Common English words, as many as fill the vocabulary."""

_WORD_SCALE: Final = 0.3
"""Spread of an output row: logits spread by about 5, so that sampling has a few favourites."""
_BYTE_SCALE: Final = 0.03
"""The same for single bytes and halves of words, which then are hardly ever sampled."""
_GEMMA_GAIN: Final = 64.0
"""Output norm of Gemma's layers. Its input and output rows are one matrix: unless the layers speak
louder than the embedding they are added to, the model repeats its last token for ever."""


_PENALTY: Final = 1.3
"""What a word's logit is divided by once it was said, so that what was not, the end, comes closer.
Without it most answers fill the context window."""


class Family(StrEnum):
    """Architectures that vLLM serves on a CPU at this size."""

    GEMMA = "gemma"
    LLAMA = "llama"


def write_model(folder: Path, *, family: Family, seed: int) -> Path:
    """Write the model's files into `folder`, which is made if missing, and return it.

    How long answers get depends on the seed: at temperature 1, Gemma's with seed 1 end after some
    90 tokens, Llama's with seed 2 after some 40. ``ignore_eos`` asks for as many as are wanted.

    The weights come last and by a rename, so that a folder with ``model.safetensors`` is whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokens, merges = _vocabulary()
    documents = {
        "config.json": _config(family),
        "generation_config.json": {
            "eos_token_id": list(range(len(_ENDS))),
            "repetition_penalty": _PENALTY,
        },
        "tokenizer.json": _tokenizer(tokens, merges),
        "tokenizer_config.json": _tokenizer_config(),
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    partial = folder / "model.safetensors.partial"
    with partial.open("wb") as file:
        file.writelines(_weights(family, tokens, seed))
    partial.replace(folder / "model.safetensors")
    return folder


def _config(family: Family) -> dict[str, Any]:
    common = {
        "bos_token_id": _SPECIAL.index(_BEGIN),
        "eos_token_id": 0,
        "vocab_size": _VOCABULARY,
        "hidden_size": _HIDDEN,
        "intermediate_size": _FEED_FORWARD,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _KV_HEADS,
        "head_dim": _HEAD_DIM,
        "max_position_embeddings": CONTEXT_WINDOW,
        "dtype": "float32",
    }
    if family is Family.LLAMA:
        return common | {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "tie_word_embeddings": False,
        }
    return common | {
        "architectures": ["Gemma2ForCausalLM"],
        "model_type": "gemma2",
        "tie_word_embeddings": True,
        "query_pre_attn_scalar": _HEAD_DIM,
        "sliding_window": CONTEXT_WINDOW // 2,
    }


def _vocabulary() -> tuple[list[str], list[tuple[str, str]]]:
    """Return the tokens by id (specials, the 256 bytes, pieces) and the merges that make pieces.

    Each word is merged from its space onwards, so that every piece is the head of a word.
    """
    alphabet = _byte_letters()
    tokens = [*_SPECIAL, *alphabet]
    merges: list[tuple[str, str]] = []
    for word in _WORDS.split():
        piece = alphabet[ord(" ")]
        for letter in word:
            if piece + letter not in tokens and len(tokens) < _VOCABULARY:
                merges.append((piece, letter))
                tokens.append(piece + letter)
            piece += letter
    return tokens, merges


def _byte_letters() -> list[str]:
    """GPT-2's letter for each byte: printable ones stand for themselves, others move past 255."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    moved = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(moved)) for byte in range(256)]


def _tokenizer(tokens: Sequence[str], merges: Sequence[tuple[str, str]]) -> dict[str, Any]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": tokens.index(token), "content": token, "special": True}
            | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            for token in _SPECIAL
        ],
        "pre_tokenizer": byte_level | {"use_regex": True},
        "decoder": byte_level | {"use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {token: index for index, token in enumerate(tokens)},
            "merges": [list(merge) for merge in merges],
        },
    }


def _tokenizer_config() -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": _BEGIN,
        "eos_token": _ENDS[0],
        "model_max_length": CONTEXT_WINDOW,
        "clean_up_tokenization_spaces": False,
        "chat_template": _CHAT_TEMPLATE,
    }


def _shapes(family: Family) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors, in the order of the file."""
    vocabulary, hidden = (_VOCABULARY, _HIDDEN), (_HIDDEN,)
    queries, keys = _HEADS * _HEAD_DIM, _KV_HEADS * _HEAD_DIM
    norms = ["input_layernorm", "post_attention_layernorm"]
    if family is Family.GEMMA:
        norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
    layer = {f"{norm}.weight": hidden for norm in norms} | {
        "self_attn.q_proj.weight": (queries, _HIDDEN),
        "self_attn.k_proj.weight": (keys, _HIDDEN),
        "self_attn.v_proj.weight": (keys, _HIDDEN),
        "self_attn.o_proj.weight": (_HIDDEN, queries),
        "mlp.gate_proj.weight": (_FEED_FORWARD, _HIDDEN),
        "mlp.up_proj.weight": (_FEED_FORWARD, _HIDDEN),
        "mlp.down_proj.weight": (_HIDDEN, _FEED_FORWARD),
    }
    shapes: dict[str, tuple[int, ...]] = {_EMBEDDING: vocabulary}
    for index in range(_LAYERS):
        shapes |= {f"model.layers.{index}.{name}": shape for name, shape in layer.items()}
    shapes["model.norm.weight"] = hidden
    if family is Family.LLAMA:
        shapes[_OUTPUT] = vocabulary
    return shapes


def _weights(family: Family, tokens: Sequence[str], seed: int) -> Iterator[bytes]:
    """Yield a safetensors file: the header's length, the header, then float32 in its order.

    The format is at https://github.com/huggingface/safetensors#format.
    """
    shapes = _shapes(family)
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    yield struct.pack("<Q", len(encoded)) + encoded
    # Not for secrets: the same seed must give the same model on every machine.
    source = random.Random(seed)  # noqa: S311
    for name, shape in shapes.items():
        yield _tensor(name, shape, family, tokens, source)


def _tensor(
    name: str,
    shape: tuple[int, ...],
    family: Family,
    tokens: Sequence[str],
    source: random.Random,
) -> bytes:
    if len(shape) == 1:
        return array("f", [_norm(name, family)] * shape[0]).tobytes()
    rows, columns = shape
    if name in {_EMBEDDING, _OUTPUT}:
        scales = [_row_scale(token) for token in tokens]
    else:
        scales = [1 / math.sqrt(columns)] * rows
    values = array("f")
    for scale in scales:
        half = scale * math.sqrt(3)  # a uniform draw from -half to half spreads by `scale`
        values.extend(source.uniform(-half, half) for _ in range(columns))
    return values.tobytes()


def _norm(name: str, family: Family) -> float:
    if family is Family.LLAMA:
        return 1.0
    # Gemma stores the factor less one.
    return _GEMMA_GAIN - 1 if ".post_" in name else 0.0


def _row_scale(token: str) -> float:
    is_word = token[1:] in _WORDS.split()
    return _WORD_SCALE if is_word or token in _ENDS else _BYTE_SCALE
