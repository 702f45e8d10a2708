"""Small engines, and ways to run a pod by itself."""

import random

from weighbridge_experiments.clock import Clock
from weighbridge_experiments.pod import Engine, Pod
from weighbridge_experiments.pool import Plan
from weighbridge_experiments.request import Request
from weighbridge_experiments.scaler import Scaling
from weighbridge_experiments.traffic import Crowd

QUICK = Engine(
    ttft_s=0.1, prefill_s=0.001, itl_s=0.02, interference=0.05, max_num_seqs=8, kv_tokens=20_000
)


def arrivals(seed, number, per_second, tokens=100.0, prompt=50):
    """Requests of a Poisson stream, their answers exponential."""
    dice = random.Random(seed)
    now = 0.0
    requests = []
    for _ in range(number):
        now += dice.expovariate(per_second)
        answer = 1 + dice.expovariate(1 / tokens)
        requests.append(Request(prompt=prompt, answer=answer, arrived_at=now))
    return requests


def serve(engine, requests, pods=1):
    """Let pods serve requests by turns; answers with how long the queues were at each arrival."""
    clock, seen = Clock(), []
    servers = [Pod(clock, engine, lambda _: None, random.Random(0)) for _ in range(pods)]

    def arrive(request, server):
        server.submit(request)
        seen.append(sum(each.waiting for each in servers))

    for number, request in enumerate(requests):
        server = servers[number % pods]
        clock.at(request.arrived_at, lambda request=request, server=server: arrive(request, server))
    clock.run()
    return seen


def plan(**changes):
    """A tier of quick pods at a dollar an hour."""
    return Plan(**({"engine": QUICK, "dollars_per_hour": 1.0, "cold_start_s": 30.0} | changes))


def fixed(pods):
    """As many pods from start to end."""
    return Scaling(least=pods, most=pods)


CROWD = Crowd(low=5, high=60, seconds=1200.0, think_s=5.0)
