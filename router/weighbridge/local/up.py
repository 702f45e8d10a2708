"""`weighbridge up`: two pools, a router and Envoy on this machine, until Ctrl-C.

The router is started again when it crashes; meanwhile Envoy fails open, which is worth watching.
A pool that crashes stays down, and requests for it get 503: that is what users of a dead pool see.
Without Envoy nothing can be reached, so its end is the end of the run.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from rich.console import Console

from weighbridge.local import pools
from weighbridge.local.child import ChildSpec
from weighbridge.local.decisions import AccessLog
from weighbridge.local.observer import observer_specs
from weighbridge.local.plan import Plan, UpOptions, envoy_spec, make_plan, meter_specs, router_spec
from weighbridge.local.ready_file import ReadyFile
from weighbridge.local.screen import Screen
from weighbridge.local.supervisor import Supervisor
from weighbridge.local.vllm_pool import ensure_environment

_REFRESH_SECONDS = 0.25


def run_up(options: UpOptions) -> int:
    """Run until Ctrl-C, SIGTERM or the end of Envoy.

    Must be called in the main thread: signals and the children's leash belong to it.

    Returns:
        Exit status: 0 where it was asked to stop.

    Raises:
        LocalError: for what is missing or taken on this machine, with the way out.
        SettingsError: for settings that can't be used.
    """
    plan = make_plan(options)
    console = Console(highlight=False)
    plain = options.plain or not console.is_terminal
    with Screen(console, list(plan.settings.tiers), plain) as screen:
        return asyncio.run(_run(options, plan, screen))


async def _run(options: UpOptions, plan: Plan, screen: Screen) -> int:
    ready = ReadyFile(options.ready_file)
    ready.remove()
    supervisor = Supervisor(
        plan.run_dir,
        report=screen.say,
        changed=lambda: ready.write(plan.described(supervisor.pids())),
    )
    with _signals(supervisor):
        async with supervisor:
            try:
                if not await _started(supervisor, options, plan, screen):
                    return 0
                ready.write(plan.described(supervisor.pids()))
                screen.welcome(plan.addresses)
                return await _show_until_ended(supervisor, plan, screen)
            finally:
                ready.remove()


@contextmanager
def _signals(supervisor: Supervisor) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, supervisor.request_stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _started(supervisor: Supervisor, options: UpOptions, plan: Plan, screen: Screen) -> bool:
    """Start everything; False where the user lost patience first."""
    starting = asyncio.create_task(_start_all(supervisor, options, plan, screen))
    ended = asyncio.create_task(supervisor.until_ended())
    await asyncio.wait({starting, ended}, return_when=asyncio.FIRST_COMPLETED)
    ended.cancel()
    if starting.done():
        await starting
        return True
    starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting
    return False


async def _start_all(
    supervisor: Supervisor, options: UpOptions, plan: Plan, screen: Screen
) -> None:
    envoy = envoy_spec(plan)
    specs = await asyncio.to_thread(_pool_specs, options, plan, screen)
    try:
        async with asyncio.TaskGroup() as group:
            for spec in (
                *specs,
                router_spec(options, plan),
                *meter_specs(plan),
                *observer_specs(plan),
            ):
                group.create_task(supervisor.start(spec))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    await supervisor.start(envoy)


def _pool_specs(options: UpOptions, plan: Plan, screen: Screen) -> list[ChildSpec]:
    make = pools.simulated
    if options.pools == "vllm":
        screen.say("Two real vLLM servers: the first start installs them, which takes minutes.")
        cache = _cache_dir()
        environment = ensure_environment(cache, progress=screen.say)
        make = partial(pools.real, environment=environment, cache=cache)
    return [make(plan.settings, tier, port) for tier, port in plan.pool_ports.items()]


def _cache_dir() -> Path:
    """Where the environment of vLLM is kept from run to run."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weighbridge"


async def _show_until_ended(supervisor: Supervisor, plan: Plan, screen: Screen) -> int:
    log = AccessLog(plan.access_log)
    ended = asyncio.create_task(supervisor.until_ended())
    while not ended.done():
        await asyncio.wait({ended}, timeout=_REFRESH_SECONDS)
        screen.show(log.read_new())
    return await ended
