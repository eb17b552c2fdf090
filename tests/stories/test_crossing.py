"""However callers and service behave, nobody gets what is another's, and nothing is left behind."""

import re
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from control.testing.processes import Processes

from .crossing import WAYS, Crossing
from .fleet_of_one import Lone

CALLERS = 24


async def crossed(tmp_path: Path, rounds: int, *extra: str) -> Crossing:
    """That many connections of each caller, one after the other, and the sidecar ended in order."""
    crossing = Crossing(seed=rounds)
    with Processes(tmp_path) as processes:
        lone = Lone(tmp_path, processes)
        async with trio.open_nursery() as service:
            (listener,) = await service.start(partial(trio.serve_tcp, crossing.serve, 0, host="127.0.0.1"))
            lone.echo = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
            await trio.to_thread.run_sync(lone.start, *extra)
            async with trio.open_nursery() as calling:
                for number in range(CALLERS):
                    calling.start_soon(crossing.call, lone.address, number, rounds)
            service.cancel_scope.cancel()
        said = await trio.to_thread.run_sync(lambda: httpx.get(lone.admin + "/metrics", trust_env=False).text)
        left = dict(re.findall(r"(?m)^sidegate_(in_flight|tunnels|event_streams) (\S+)$", said))
        assert left == {"in_flight": "0.0", "tunnels": "0.0", "event_streams": "0.0"}
        assert lone.end() == 0
        assert "Traceback" not in lone.log()
    return crossing


@pytest.mark.parametrize("lane", ["express", "h11"])
async def test_everybody_gets_what_is_his(tmp_path: Path, lane: str) -> None:
    """Pipelining, uploads, tunnels, early answers, broken ones, callers who leave: all of it at once."""
    crossing = await crossed(tmp_path, 8, "--http1", lane)
    assert not crossing.wrong
    assert {key.partition(" ")[0].encode() for key in crossing.answered} >= set(WAYS) - {b"tunnel"}


@pytest.mark.slow
async def test_everybody_gets_what_is_his_for_long(tmp_path: Path) -> None:
    """As above, for as long as it takes to meet what is rare."""
    crossing = await crossed(tmp_path, 1000)
    assert not crossing.wrong
