"""A side by side as a run would give it, without running anything."""

from unit.bench.fakes import MACHINE, result
from weighbridge.bench.load import UNANSWERED, UNSENT
from weighbridge.bench.peers.envoy import Side
from weighbridge.bench.peers.report import (
    AtRate,
    Memory,
    PeersCase,
    PeersOptions,
    PeersReport,
    PeersRound,
)
from weighbridge.bench.peers.rig import PROCESSES
from weighbridge.bench.statistics import Spread

P50 = {Side.PLAIN: 1.0, Side.EMPTY: 2.0, Side.ROUTER: 3.0, Side.LITELLM: 21.0}
RATE = {Side.PLAIN: 9000, Side.EMPTY: 5000, Side.ROUTER: 3000, Side.LITELLM: 100}


def overloaded():
    """A result of a target that answered too little to tell anything."""
    return result(measured=0, errors={UNANSWERED: 3, UNSENT: 900})


def case(name="small", label="300 B", body_bytes=300, rounds=2, **loaded):
    """One case; `loaded` gives a target's results under load."""
    return PeersCase(
        name,
        label,
        body_bytes,
        {
            side: [
                PeersRound(result(P50[side]), each)
                for each in loaded.get(side.value, [result(rate=RATE[side])] * rounds)
            ]
            for side in Side
        },
    )


def report(**changes):
    values = {
        "started_at": "2026-11-21T06:00:00+00:00",
        "machine": MACHINE,
        "litellm": "9.9.9",
        "options": PeersOptions(rounds=2, rates=(50, 1000), cases=("small", "32k")),
        "cases": [case(), case("32k", "32 KB", 32768)],
        "rates": {
            side: [
                [AtRate(50, P50[side], 9.0), AtRate(1000, 4.0, 8.0, side is Side.LITELLM)],
                [AtRate(50, P50[side], 9.0), AtRate(1000, 6.0, 8.0, side is Side.LITELLM)],
            ]
            for side in Side
        },
        "seconds_to_first": {
            Side.ROUTER: Spread(0.4, 0.39, 0.41),
            Side.LITELLM: Spread(9.0, 8.0, 10.0),
        },
        "memory": {name: Memory(100 << 20, 110 << 20) for name in PROCESSES},
        "faults": [],
    }
    return PeersReport(**{**values, **changes})
