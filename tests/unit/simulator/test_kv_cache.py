from hypothesis import given
from hypothesis import strategies as st
from weighbridge_simulator.kv_cache import KVCache


def test_a_prompt_seen_before_is_found_even_after_its_sequence_ended():
    cache = KVCache(10)
    first = cache.acquire((1, 2, 3), 4)
    cache.release(first)
    assert cache.usage == 0.0
    assert cache.acquire((1, 2, 9), 4).hits == 2


def test_shared_blocks_are_counted_once():
    cache = KVCache(10)
    cache.acquire((1, 2, 3), 4)
    cache.acquire((1, 2, 3), 4)
    assert cache.usage == 0.5


def test_what_does_not_fit_changes_nothing():
    cache = KVCache(4)
    lease = cache.acquire((), 3)
    assert cache.acquire((1,), 2) is None
    assert not cache.extend(lease, 5)
    assert cache.usage == 0.75
    assert cache.extend(lease, 4)
    assert cache.usage == 1.0


def test_the_end_of_a_prompt_is_forgotten_before_its_beginning():
    cache = KVCache(4)
    cache.release(cache.acquire((1, 2, 3), 3))
    cache.release(cache.acquire((), 2))
    assert cache.acquire((1, 2, 3), 3).hits == 2


def test_idle_blocks_that_are_wanted_again_do_not_count_as_room():
    cache = KVCache(4)
    cache.release(cache.acquire((1, 2), 2))
    cache.acquire((), 2)
    assert cache.acquire((1, 2), 3) is None


_prompts = st.lists(st.integers(0, 5), max_size=4, unique=True).map(tuple)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("acquire"), _prompts, st.integers(0, 3)),
        st.tuples(st.just("extend"), st.integers(0, 9), st.integers(0, 12)),
        st.tuples(st.just("release"), st.integers(0, 9), st.none()),
    ),
    max_size=40,
)


@given(_steps)
def test_no_sequence_of_steps_loses_or_makes_blocks(steps):
    size = 12
    cache = KVCache(size)
    leases = []
    for kind, argument, extra in steps:
        if kind == "acquire":
            lease = cache.acquire(argument, len(argument) + extra)
            assert lease is None or lease.blocks == len(argument) + extra
            leases += [lease] if lease is not None else []
        elif leases:
            lease = leases[argument % len(leases)]
            if kind == "extend":
                wanted = max(lease.blocks, extra)
                assert not cache.extend(lease, extra) or lease.blocks == wanted
            else:
                cache.release(leases.pop(argument % len(leases)))
        shared = {block for lease in leases for block in lease.shared}
        held = len(shared) + sum(lease.private for lease in leases)
        assert round(cache.usage * size) == held <= size
    for lease in leases:
        cache.release(lease)
    assert cache.usage == 0.0
    assert cache.acquire((), size) is not None
