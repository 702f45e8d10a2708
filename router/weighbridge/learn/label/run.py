"""`weighbridge learn label` from its options to its exit status.

Nothing is asked until the prompts are known to be gradable, the servers to be there, the journal to
be of the same settings, and the person to agree to the cost.
"""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import msgspec
import typer
from rich.console import Console

from weighbridge.errors import LearnError
from weighbridge.learn.label.books import Books, check_budget
from weighbridge.learn.label.desk import Desk, content_hash
from weighbridge.learn.label.graders import Grader, VerifierGrader
from weighbridge.learn.label.graders.exact import ExactVerifier
from weighbridge.learn.label.graders.judge import TEMPLATE_VERSION, JudgeGrader
from weighbridge.learn.label.graders.regex import RegexVerifier
from weighbridge.learn.label.graders.tests import CodeVerifier, confinement
from weighbridge.learn.label.halt import Cause, Halt
from weighbridge.learn.label.intake import (
    Intake,
    Numbered,
    check_gradable,
    choose_method,
    read_intake,
)
from weighbridge.learn.label.journal import Journal, Key, Term
from weighbridge.learn.label.labeller import Labeller, judge_through
from weighbridge.learn.label.options import LabelOptions, Method, Role, Tokens
from weighbridge.learn.label.plan import estimate, print_plan
from weighbridge.learn.label.pools import Pool, settle_models
from weighbridge.learn.label.screen import Screen
from weighbridge.learn.label.shift import Shift, halted_by_signals
from weighbridge.learn.label.summary import Outcome, print_summary
from weighbridge.learn.records import PromptLine, write_lines

INTERRUPTED = 130


def journal_path(out: Path) -> Path:
    """Where the journal of a file of labels lies."""
    return out.with_name(out.name + ".journal")


def run_label(options: LabelOptions) -> int:
    """Label the prompts; returns the exit status.

    Raises:
        LearnError: it can't begin, or had to end early; what was labelled is written.
        RecordError: the prompts can't be read.
    """
    check_budget(options)
    intake = read_intake(options.prompts)
    method = _settle_method(options, intake.prompts[: options.limit])
    with _opened(options) as journal:
        models = asyncio.run(settle_models(options))
        journal.bind(terms_of(options, method, models))
        _check_unchanged(journal, intake.prompts)
        _agree(Console(), options, method, models, intake, journal)
        return _spend(options, method, models, intake.prompts, journal)


def _settle_method(options: LabelOptions, prompts: Sequence[Numbered]) -> Method:
    method = options.method or choose_method(prompts)
    check_gradable(options.prompts, prompts, method)
    if method is Method.TESTS and not options.allow_code:
        raise LearnError(
            "--judge tests runs the code that the models answer with, as this user, on this "
            "machine: give --allow-code-execution where that is no danger (see docs/learning.md)"
        )
    return method


@contextmanager
def _opened(options: LabelOptions) -> Iterator[Journal]:
    path = journal_path(options.out)
    if options.out.exists() and not path.exists():
        raise LearnError(f"{options.out} is there without its journal: move it, or another --out")
    journal = Journal.open(path)
    try:
        yield journal
    finally:
        journal.close()


def terms_of(options: LabelOptions, method: Method, models: dict[Role, str]) -> dict[str, Term]:
    """What all answers of a journal have in common."""
    sampling, judge = options.sampling, options.judge_sampling
    terms: dict[str, Term] = {
        "small model": models[Role.SMALL],
        "large model": models[Role.LARGE],
        "grader": method.value,
        "max tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "seed": sampling.seed,
    }
    if method is Method.JUDGE:
        terms |= {
            "judge model": models[Role.JUDGE],
            "judge max tokens": judge.max_tokens,
            "judge temperature": judge.temperature,
            "judge instructions": TEMPLATE_VERSION,
        }
    return terms


def _check_unchanged(journal: Journal, prompts: Sequence[Numbered]) -> None:
    changed = [
        each.prompt.id
        for each in prompts
        for role in (Role.SMALL, Role.LARGE)
        if (paid := journal.find(Key(each.prompt.id, role)))
        and paid.content != content_hash(each.prompt.chat())
    ]
    if changed:
        raise LearnError(
            f"{len(set(changed))} prompts are not what they were when their answers were paid for "
            f"(as id {changed[0]!r}): give them new ids, or another --out"
        )


def _agree(
    console: Console,
    options: LabelOptions,
    method: Method,
    models: dict[Role, str],
    intake: Intake,
    journal: Journal,
) -> None:
    """Tell what it may cost, and have it agreed to."""
    wanted = intake.prompts[: options.limit]
    shares = estimate(options, method, wanted, journal.paid)
    console.print(_before(intake, len(wanted), method, journal), highlight=False, soft_wrap=True)
    print_plan(console, options, models, shares)
    if method is Method.TESTS and not confinement():
        console.print("the answers' code can reach the network: this system permits no unshare")
    if options.yes or not any(share.requests for share in shares.values()):
        return
    if not sys.stdin.isatty():
        raise LearnError("nobody is there to agree to the cost: give --yes")
    if not typer.confirm("Ask all this?"):
        raise LearnError("nothing was asked")


def _before(intake: Intake, wanted: int, method: Method, journal: Journal) -> str:
    parts = [f"{wanted:,} prompts, graded by {method}"]
    if intake.repeated:
        parts.append(f"{intake.repeated:,} lines repeat an earlier prompt and are left out")
    if journal.paid:
        parts.append(f"{len(journal.paid):,} answers are paid for already")
    if journal.repaired:
        parts.append(f"a half-written line of {journal.repaired:,} bytes was cut off the journal")
    return "; ".join(parts)


def _spend(
    options: LabelOptions,
    method: Method,
    models: dict[Role, str],
    prompts: Sequence[Numbered],
    journal: Journal,
) -> int:
    try:
        halt, books, outcome = asyncio.run(_work(options, method, models, prompts, journal))
    except asyncio.CancelledError:
        sys.stderr.write(f"left at once; all that was received stands in {journal.path}\n")
        return INTERRUPTED
    if outcome.labels:
        with _private():
            write_lines(options.out, outcome.labels)
    print_summary(Console(), outcome, books, journal, options.out)
    if halt.cause is Cause.CHANGED:
        raise LearnError(halt.words)
    if halt.cause in {Cause.POOL, Cause.JOURNAL}:
        raise LearnError(f"{halt.words}. The same command goes on from here")
    if halt.cause is Cause.BUDGET:
        Console().print(f"stopped: {halt.words}", highlight=False, soft_wrap=True)
    return INTERRUPTED if halt.cause is Cause.INTERRUPT else 0


@contextmanager
def _private() -> Iterator[None]:
    """Let files be made for their owner alone: labels hold prompts and answers."""
    mask = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(mask)


async def _work(
    options: LabelOptions,
    method: Method,
    models: dict[Role, str],
    prompts: Sequence[Numbered],
    journal: Journal,
) -> tuple[Halt, Books, Outcome]:
    halt = Halt()
    books = open_books(options, journal, halt)
    async with AsyncExitStack() as stack:
        pools = {
            role: await stack.enter_async_context(_pool(options, role, models[role]))
            for role in options.endpoints
        }
        desk = Desk(pools, journal, books, halt, options.patience_s)
        labeller = Labeller(desk, make_grader(method, desk, models), method, models)
        wanted = [each.prompt for each in prompts]
        limit = len(wanted[: options.limit])
        with _screen(limit, wanted, books, journal) as screen:
            shift = Shift(labeller, halt, screen)
            with halted_by_signals(halt, screen):
                workers = options.concurrency * len(pools)
                await shift.work(wanted[:limit], workers, journal)
            await shift.harvest(wanted)
    return halt, books, shift.outcome(wanted, desk.bought)


def make_grader(method: Method, desk: Desk, models: dict[Role, str]) -> Grader:
    """Make the grader of a method."""
    if method is Method.JUDGE:
        return JudgeGrader(judge_through(desk), models[Role.JUDGE])
    if method is Method.EXACT:
        return VerifierGrader(ExactVerifier())
    if method is Method.REGEX:
        return VerifierGrader(RegexVerifier())
    return VerifierGrader(CodeVerifier())


def open_books(options: LabelOptions, journal: Journal, halt: Halt) -> Books:
    """Open the accounts, with all that earlier runs spent."""
    prices = {role: endpoint.price for role, endpoint in options.endpoints.items()}
    books = Books(prices, options.budget, halt)
    for key, paid in journal.paid.items():
        books.charge(key.role, paid.tokens)
    for role, lost in journal.lost.items():
        books.charge(role, lost)
    return books


def _pool(options: LabelOptions, role: Role, model: str) -> Pool:
    endpoint = msgspec.structs.replace(options.endpoints[role], model=model)
    return Pool(
        role,
        endpoint,
        options.sampling_of(role),
        concurrency=options.concurrency,
        timeout_s=options.timeout_s,
    )


def _screen(limit: int, prompts: Sequence[PromptLine], books: Books, journal: Journal) -> Screen:
    known = sum(Key(each.id, Role.LARGE) in journal.paid for each in prompts[:limit])

    def cost() -> str:
        if books.priced:
            return f"${books.dollars:,.4f}"
        tokens = sum((books.tokens(role) for role in Role), Tokens())
        return f"{tokens.input + tokens.output:,} tokens"

    return Screen(limit, known, cost)
