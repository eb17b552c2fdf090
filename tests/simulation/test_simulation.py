"""A hundred small meshes, each from its seed; ``python -m tests.simulation`` runs larger ones, and more."""

import pytest

from .world import Size, simulate

SMALL = Size(sidecars=4, liars=1, things=14, mean_s=3.0)


@pytest.mark.parametrize("first", range(0, 100, 10))
def test_every_promise_is_kept(first: int) -> None:
    """Whatever operators, machines, networks and liars do; a seed that fails is replayed by its number."""
    for seed in range(first, first + 10):
        outcome = simulate(seed, SMALL)
        replay = f"python -m tests.simulation --seed {seed} --sidecars 4 --liars 1 --things 14 --mean 3"
        assert not outcome.trouble, "\n".join((*outcome.last[-60:], f"{replay}: {outcome.trouble}"))


def test_a_seed_is_one_run_and_another_seed_another() -> None:
    """Every event at the same time, in the same order."""
    digests = [simulate(seed, SMALL).digest for seed in (7, 8, 7)]
    assert digests[0] == digests[2] != digests[1]
