"""What token accounting adds to an answer: one Envoy, a listener with it and one without.

Both lead to the same pool, and neither asks the router: its time varies more than what is looked
for. Answers in one piece are timed in turn; of streams, whose pace is the pool's, the CPU time that
an event costs Envoy is taken.
"""

import asyncio
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import psutil

from weighbridge.bench.alternation import alternate
from weighbridge.bench.envoy import LOOPBACK
from weighbridge.bench.machine import describe_machine
from weighbridge.bench.metering_report import MeteringOptions, MeteringReport, Part
from weighbridge.bench.metering_rig import FLUSH_S, METERED, PLAIN, TIER, MeteringRig, metering_rig
from weighbridge.bench.sse import raise_file_limit
from weighbridge.bench.statistics import latencies, spread
from weighbridge.contract import MeterMetric
from weighbridge.errors import LocalError
from weighbridge.local.binaries import find_envoy

_WARM_UP: Final = 200
_STREAM_ROUNDS: Final = 3
_RECEIPTS_WITHIN_S: Final = 10.0
_SPARE_FILES: Final = 200


def run_metering(
    options: MeteringOptions, told: Callable[[str], None] = lambda _: None
) -> MeteringReport:
    """Measure. Must be called in the main thread.

    Raises:
        LocalError: for what is missing on this machine, or breaks.
    """
    raise_file_limit(2 * options.streams + _SPARE_FILES)
    return asyncio.run(_run(options, told))


async def _run(options: MeteringOptions, told: Callable[[str], None]) -> MeteringReport:
    machine = describe_machine(find_envoy())
    told("starting Envoy, the meter and a simulated pool")
    async with metering_rig(options) as rig:
        meter_before = _cpu_seconds(rig.meter)
        told("answers in one piece")
        rounds = await asyncio.to_thread(_in_one_piece, rig.ports, options)
        told("streams")
        events = await _streams(rig, options)
        answers = (
            _WARM_UP + len(rounds) * len(rounds[0][METERED]) + _STREAM_ROUNDS * options.streams
        )
        receipts = await _receipts(rig, answers)
        meter_seconds = _cpu_seconds(rig.meter) - meter_before
    return MeteringReport(
        machine=machine,
        options=options,
        parts={name: _part(name, rounds, events[name]) for name in rig.ports},
        meter_us=meter_seconds / max(1, receipts) * 1e6,
        receipts=receipts,
        answers=answers,
    )


def _in_one_piece(
    ports: Mapping[str, int], options: MeteringOptions
) -> list[dict[str, list[float]]]:
    request = _request({"max_tokens": 1})
    alternate(ports, request, _WARM_UP)
    each = max(1, options.requests // options.rounds)
    return [alternate(ports, request, each) for _ in range(options.rounds)]


def _part(name: str, rounds: list[dict[str, list[float]]], events: list[float]) -> Part:
    return Part(
        latencies=latencies([seconds for each in rounds for seconds in each[name]]),
        added_us=spread([_added(each[name], each[PLAIN]) for each in rounds]),
        event_us=spread(events),
    )


def _added(seconds: Sequence[float], plain: Sequence[float]) -> float:
    """Median over neighbours of what one took longer than the other, microseconds."""
    return statistics.median(a - b for a, b in zip(seconds, plain, strict=True)) * 1e6


async def _streams(rig: MeteringRig, options: MeteringOptions) -> dict[str, list[float]]:
    """Microseconds of Envoy's CPU per event, by listener and repetition."""
    spent: dict[str, list[float]] = {name: [] for name in rig.ports}
    for _ in range(_STREAM_ROUNDS):
        for name, port in rig.ports.items():
            before = _cpu_seconds(rig.envoy)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_stream(port, options)) for _ in range(options.streams)]
            events = sum(task.result() for task in tasks)
            spent[name].append((_cpu_seconds(rig.envoy) - before) / events * 1e6)
    return spent


async def _stream(port: int, options: MeteringOptions) -> int:
    """Read one stream to its end; the number of its events."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        asked = {
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": options.tokens,
            "ignore_eos": True,
        }
        writer.write(_request(asked))
        received = await reader.readuntil(b"data: [DONE]")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise LocalError(f"a stream broke off: {error}") from error
    finally:
        writer.close()
    return received.count(b"data: ")


def _request(fields: dict[str, object]) -> bytes:
    message = {"role": "user", "content": "Which river runs through Vienna?"}
    body = json.dumps({"model": f"weighbridge/{TIER}", "messages": [message], **fields}).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nx-team: bench\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _receipts(rig: MeteringRig, expected: int) -> int:
    """Requests that the meter has counted, once they are all there or time is up."""
    deadline = asyncio.get_running_loop().time() + _RECEIPTS_WITHIN_S
    while (counted := await _counted(rig.metrics_port)) < expected:
        if asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(FLUSH_S)
    return counted


async def _counted(port: int) -> int:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        lines = (await reader.read()).decode().splitlines()
    finally:
        writer.close()
    series = f"{MeterMetric.METERED_REQUESTS}_total{{"
    return round(sum(float(line.split()[-1]) for line in lines if line.startswith(series)))
