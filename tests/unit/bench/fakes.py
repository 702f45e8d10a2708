"""Results and reports as a run would give them, without running anything."""

from weighbridge.bench.envoy import Target
from weighbridge.bench.load import LoadResult
from weighbridge.bench.machine import Machine
from weighbridge.bench.report import CaseReport, Options, Report, Round, Soak, summarise
from weighbridge.bench.statistics import Latencies, Spread

MACHINE = Machine(
    cores=2,
    cpu="A CPU",
    memory_bytes=24 << 30,
    kernel="6.1",
    load=0.5,
    python="3.11.7",
    grpcio="1.85.1",
    envoy="1.40.0",
    weighbridge="0.1.0",
)


def result(p50_ms=1.0, rate=1000.0, **changes):
    values = {
        "answered": round(rate),
        "measured": round(rate),
        "seconds": 1.0,
        "latencies": Latencies(p50_ms, p50_ms * 2, p50_ms * 3, p50_ms * 4),
        "statuses": {200: round(rate)},
        "with_tier": round(rate),
        "failed_open": 0,
        "errors": {},
        "lag_ms": 0.0,
        "generator_micros": 20.0,
        "weighed": True,
    }
    return LoadResult(**{**values, **changes})


def rounds(*figures):
    """One `Round` for each pair of latency in ms and requests per second."""
    return [Round(result(p50), result(p50, rate), 100.0) for p50, rate in figures]


def case(name="small", label="300 B"):
    measured = {
        Target.PLAIN: rounds((0.1, 9000), (0.2, 8000), (0.1, 9100)),
        Target.EMPTY: rounds((0.8, 3000), (1.2, 2000), (0.7, 3100)),
        Target.ROUTER: rounds((0.9, 2400), (1.1, 1900), (0.8, 2480)),
    }
    return CaseReport(name, label, 300, summarise(measured), measured)


def report(**changes):
    values = {
        "started_at": "2026-11-21T06:00:00+00:00",
        "machine": MACHINE,
        "options": Options(rounds=3, seconds=1.0, cases=("small",), soak=5000, starts=3),
        "cases": [case()],
        "seconds_to_serving": Spread(0.4, 0.39, 0.41),
        "soak": Soak(5000, 60 << 20, 66 << 20, 67 << 20, 250.0, 3000.0),
        "faults": [],
    }
    return Report(**{**values, **changes})
