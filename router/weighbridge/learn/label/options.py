"""What `weighbridge learn label` was asked to do: options in, frozen structs out."""

import math
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from weighbridge.errors import LearnError

_PER = 1_000_000


class Role(StrEnum):
    """Whom a request goes to."""

    SMALL = "small"
    LARGE = "large"
    JUDGE = "judge"


class Method(StrEnum):
    """How answers are graded."""

    EXACT = "exact"
    REGEX = "regex"
    TESTS = "tests"
    JUDGE = "judge"


class Tokens(msgspec.Struct, frozen=True):
    """Tokens that went in and came out."""

    input: int = 0
    output: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.input + other.input, self.output + other.output)

    def __sub__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.input - other.input, self.output - other.output)


class Price(msgspec.Struct, frozen=True):
    """Dollars per million tokens, in and out."""

    input: float
    output: float

    @classmethod
    def parse(cls, text: str, option: str) -> "Price | None":
        """Read ``in,out``, as in ``0.10,0.40``; an empty text is no price.

        Raises:
            LearnError: naming the option that holds something else.
        """
        if not text:
            return None
        try:
            given = [float(word) for word in text.split(",")]
        except ValueError:
            given = []
        if len(given) != len(cls.__struct_fields__) or not all(
            math.isfinite(each) and each >= 0 for each in given
        ):
            raise LearnError(
                f"{option}: expected two numbers, dollars per million tokens in and out, as in "
                f"0.10,0.40; came {text!r}"
            )
        return cls(*given)

    def dollars(self, tokens: Tokens) -> float:
        """What so many tokens cost."""
        return (tokens.input * self.input + tokens.output * self.output) / _PER


class Endpoint(msgspec.Struct, frozen=True):
    """One server that answers.

    Attributes:
        url: of its OpenAI API, up to and with /v1.
        model: name to ask for; "": the first that the server lists.
        price: of its tokens; None: not known.
    """

    url: str
    model: str = ""
    price: Price | None = None


class Sampling(msgspec.Struct, frozen=True):
    """How answers are drawn."""

    max_tokens: int = 1024
    temperature: float = 0.0
    seed: int = 0


class LabelOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        prompts: file of `PromptLine`.
        out: file of `LabelLine` to write; the journal lies beside it.
        small: the small pool.
        large: the large pool.
        judge: the judge; None: answers are graded by a verifier.
        method: how to grade; None: by the one thing that every prompt brings.
        sampling: of both pools' answers.
        judge_sampling: of the judge's.
        concurrency: requests in flight at once, for each of the servers.
        timeout_s: seconds from sending a request to the end of its answer.
        patience_s: seconds of failures alone after which a server counts as dead.
        limit: label the first so many prompts; None: all.
        budget: dollars that must not be passed, earlier runs of the journal included.
        yes: don't ask before spending.
        allow_code: run the code that answers hold.
    """

    prompts: Path
    out: Path
    small: Endpoint
    large: Endpoint
    judge: Endpoint | None = None
    method: Method | None = None
    sampling: Sampling = Sampling()
    judge_sampling: Sampling = Sampling(max_tokens=512)
    concurrency: int = 16
    timeout_s: float = 300.0
    patience_s: float = 120.0
    limit: int | None = None
    budget: float | None = None
    yes: bool = False
    allow_code: bool = False

    @property
    def endpoints(self) -> dict[Role, Endpoint]:
        """Who is asked, by role."""
        pools = {Role.SMALL: self.small, Role.LARGE: self.large}
        return pools | ({Role.JUDGE: self.judge} if self.judge else {})

    def sampling_of(self, role: Role) -> Sampling:
        """How a role's answers are drawn."""
        return self.judge_sampling if role is Role.JUDGE else self.sampling


def api_base(url: str, option: str) -> str:
    """Complete the address of an OpenAI API: ``/v1`` where no path is given.

    Raises:
        LearnError: for what is no http address, or holds a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise LearnError(f"{option}: expected an address as in http://host:8000/v1, came {url!r}")
    if parts.username or parts.password or parts.query:
        raise LearnError(f"{option}: keys belong in the environment, not in the address")
    path = parts.path.rstrip("/") or "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"


def endpoint_of(name: str, url: str, model: str, price: str) -> Endpoint:
    """Make an endpoint of the options ``--NAME``, ``--NAME-model`` and ``--NAME-price``.

    Raises:
        LearnError: one can't be read.
    """
    return Endpoint(api_base(url, f"--{name}"), model, Price.parse(price, f"--{name}-price"))


def grading_of(judge: str, model: str, price: str) -> tuple[Method | None, Endpoint | None]:
    """Read ``--judge``: the name of a verifier, the address of a judge, or nothing.

    Raises:
        LearnError: it is something else, or a verifier was given a judge's model or price.
    """
    if "://" in judge:
        return Method.JUDGE, endpoint_of("judge", judge, model, price)
    verifiers = [method.value for method in Method if method is not Method.JUDGE]
    if judge not in {"", *verifiers}:
        known = ", ".join(verifiers)
        raise LearnError(f"--judge: expected {known} or an http address, came {judge!r}")
    if model or price:
        raise LearnError("--judge-model and --judge-price need --judge URL")
    return (Method(judge) if judge else None), None
