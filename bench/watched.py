"""Control's HTTP port in a process of its own that looks at its own event loop: for ``tokens.py``.

A task asks to be woken every few milliseconds; how late it is woken is the lag that every other task has too. People
sign in meanwhile, so many a second, as the page of the sign-in does it. SIGUSR1 begins the count anew, SIGTERM prints
it as JSON and ends.
"""

import itertools
import json
import logging
import os
import signal
import sys
from pathlib import Path

import trio
from hypercorn.config import Config

from control.app import site
from control.distribution import PushServer
from control.http_port import serve_http
from control.identity.people import SignedIn
from control.listeners import bind_http
from control.mesh import Mesh, open_mesh

EVERY_S = 0.002
PASSWORD = "a heron by the mill pond"


class Lag:
    """How late a task was woken, each time, in seconds."""

    def __init__(self) -> None:
        self.late_s: list[float] = []

    async def watch(self) -> None:
        """For ever."""
        while True:
            due = trio.current_time() + EVERY_S
            await trio.sleep_until(due)
            self.late_s.append(trio.current_time() - due)


class Logins:
    """People who sign in, each as often as the next; ``took_s``: from when each was due to its session."""

    def __init__(self, mesh: Mesh, people: int = 20) -> None:
        self._people, self._usernames = mesh.people, [f"person-{number}" for number in range(people)]
        self.took_s: list[float] = []
        for username in self._usernames:
            _, link, _ = self._people.passwords.link(self._people.users.create(username, "bench").id, "bench")
            self._people.passwords.reset(link, PASSWORD)

    async def drive(self, rate: float) -> None:
        """For ever, ``rate`` a second."""
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for number in itertools.count():
                due = began + number / rate
                await trio.sleep_until(due)
                nursery.start_soon(self._one, self._usernames[number % len(self._usernames)], due)

    async def _one(self, username: str, due: float) -> None:
        limiter = self._people.hashing
        asked = (username, PASSWORD, "192.0.2.7")
        outcome = await trio.to_thread.run_sync(self._people.sign_in.password, *asked, limiter=limiter)
        if not isinstance(outcome, SignedIn):
            raise SystemExit(f"nobody signed in: {outcome}")
        await trio.to_thread.run_sync(self._people.sessions.begin, outcome, "192.0.2.7", "bench")
        self.took_s.append(trio.current_time() - due)


async def serve(mesh: Mesh, address: str, rate: float) -> None:
    """Until SIGTERM, with ``rate`` logins a second."""
    lag, logins, end, config = Lag(), Logins(mesh), trio.Event(), Config()
    config.accesslog, config.errorlog = None, logging.getLogger("hypercorn.error")
    bound = bind_http(address)
    app = site(mesh, PushServer(mesh))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lag.watch)
        await nursery.start(serve_http, app, config, bound.listener(), end)
        if rate:
            nursery.start_soon(logins.drive, rate)
        print(f"listening on http://{bound.shown}", flush=True)
        with trio.open_signal_receiver(signal.SIGUSR1, signal.SIGTERM) as signals:
            async for number in signals:
                if number == signal.SIGTERM:
                    break
                lag.late_s.clear()
                logins.took_s.clear()
        print(json.dumps({"lag": lag.late_s, "logins": logins.took_s}), flush=True)
        end.set()
        nursery.cancel_scope.cancel()


def main() -> None:
    """``watched.py DIR ADDRESS CPU LOGINS``: the store, where to listen, on which CPU, and logins a second."""
    data, address, cpu, rate = sys.argv[1:5]
    os.sched_setaffinity(0, {int(cpu)})
    mesh = open_mesh(Path(data), f"http://{address}")
    mesh.operators.ensure(os.environ["CONTROL_TOKEN"])
    try:
        trio.run(serve, mesh, address, float(rate))
    finally:
        mesh.close()


if __name__ == "__main__":
    main()
