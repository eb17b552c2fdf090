"""Sidecars in front of simulated services, pushed to by a control plane, in one process.

The sidecars are real: the same proxy, evaluator and link that ``sidecar run`` is made of, joined to a real push
server. Only the cables are short: everything talks over memory streams, unless a service asks to ``listen``.
"""

import os
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import trio
import trio.testing

from control.distribution import PushServer
from control.policy import Policy, load, referenced_files
from sidecar.contract.snapshot import Revocation, Snapshot
from sidecar.link import Link, LinkSettings, LinkStatus, StateDir
from sidecar.proxy.gate import Gate
from sidecar.proxy.proxy import Proxy, peer_address
from sidecar.proxy.upstream import Upstream

from .client import exchange
from .memory import MemoryControl
from .messages import Request, Response
from .services import ASGIApp, Reply, from_asgi, serve
from .tokens import Mint, any_key_set

CONVERGE_S = 10.0
"""How long a push may take to be in force everywhere before a test fails."""

By = Literal["jti", "subject", "client", "issuer"]


class MeshError(AssertionError):
    """The mesh did not do what the test asked for. The text says what happened instead."""


class Service:
    """A simulated service behind its sidecar. ``seen`` are the requests that got through to it, in order."""

    def __init__(self, name: str, reply: Reply, mesh: "Mesh") -> None:
        self.name = name
        self.reply = reply
        self.seen: list[Request] = []
        self.gate = Gate()
        self.url = ""
        """Where the sidecar listens, if it was asked to."""
        self._mesh = mesh
        self._proxy = Proxy(self.gate, Upstream(self._open_upstream), clock=mesh.now)

    async def _open_upstream(self) -> trio.abc.Stream:
        near, far = trio.testing.memory_stream_pair()
        self._mesh.nursery.start_soon(self._serve, far)
        return near

    async def _serve(self, stream: trio.abc.Stream) -> None:
        await serve(stream, self.reply, self.seen)

    async def request(
        self,
        method: str,
        target: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        json: Any = None,
    ) -> Response:
        """What a caller gets from the service, through its sidecar. ``token`` is sent as a bearer token."""
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        if json is not None:
            body = Response(body=json).content
            sent.setdefault("content-type", "application/json")
        return await exchange(self.connect(), method, target, self.name, sent, body)

    async def get(self, target: str, **options: Any) -> Response:
        """``request`` with GET."""
        return await self.request("GET", target, **options)

    async def post(self, target: str, **options: Any) -> Response:
        """``request`` with POST."""
        return await self.request("POST", target, **options)

    def connect(self) -> trio.abc.Stream:
        """A caller's connection to the sidecar, for tests that speak raw bytes."""
        near, far = trio.testing.memory_stream_pair()
        self._mesh.nursery.start_soon(self._proxy.handle, far, "203.0.113.1")
        return near

    async def listen(self) -> None:
        """Also accept callers on a free port of 127.0.0.1; ``url`` says which."""

        async def accepted(stream: trio.SocketStream) -> None:
            await self._proxy.handle(stream, peer_address(stream))

        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        await self._mesh.nursery.start(trio.serve_listeners, accepted, listeners)


class Mesh:
    """What the ``mesh`` fixture gives. ``folder`` holds the sidecars' state; ``nursery`` their tasks."""

    def __init__(self, nursery: trio.Nursery, folder: Path) -> None:
        self.nursery, self.folder = nursery, folder
        self.services: dict[str, Service] = {}
        self._mint = Mint()
        self._shift_s = 0.0
        self.control = MemoryControl(self._mint, self.now)
        self._server = PushServer(self.control, now=self.now)

    def now(self) -> float:
        """Unix time as the mesh sees it."""
        return time.time() + self._shift_s

    def advance(self, seconds: float) -> None:
        """Let that much time pass for tokens and policies: an expiry can be tested without waiting for it."""
        self._shift_s += seconds

    async def start(self) -> None:
        """Begin. The fixture does it."""
        await self.nursery.start(self._server.distribute)

    async def push(self, policy: str | Path, *, files: Mapping[str, str] | None = None) -> int:
        """A policy, as a path or as YAML, in force in every sidecar when this returns; its version. PolicyErrors if
        it is not valid, MeshError if a sidecar refuses it. Keys of outside issuers need not exist: see ``token``."""
        loaded = _loaded(policy, files or {})
        version = self.control.change(loaded)
        await self._settled(version)
        return version

    async def revoke(self, by: By, value: str = "", *, issuer: str = "own") -> int:
        """Tokens named so are refused by every sidecar when this returns; the version that did it."""
        before = 2**53 - 1 if by == "jti" else int(self.now())
        version = self.control.change(revocation=Revocation(issuer, by, value, before))
        await self._settled(version)
        return version

    async def _settled(self, version: int) -> None:
        with trio.move_on_after(CONVERGE_S) as patience:
            rollout = await self._server.wait_rollout(version, CONVERGE_S)
        if patience.cancelled_caught:
            raise MeshError(f"version {version} was not acknowledged within {CONVERGE_S:.0f} s")
        if rollout.nacked or rollout.pending:
            raise MeshError(f"version {version} was not taken: {rollout}")

    async def service(
        self, name: str, reply: Reply | None = None, *, asgi: ASGIApp | None = None, listen: bool = False
    ) -> Service:
        """Puts a sidecar before a simulated service of that name: ``reply`` (see ``services.Reply``) or an ASGI
        application. When this returns the sidecar has joined and, if there is a policy, enforces it."""
        if name in self.services:
            raise MeshError(f"there is a service {name} already")
        answer: Reply = from_asgi(asgi) if asgi is not None else ({"service": name} if reply is None else reply)
        service = self.services[name] = Service(name, answer, self)
        await self._join(service)
        if listen:
            await service.listen()
        return service

    async def _join(self, service: Service) -> None:
        connected, in_force = trio.Event(), trio.Event()

        def compile_(snapshot: Snapshot, _source: str) -> Callable[[], None]:
            evaluator = service.gate.compiled(snapshot)

            def swap() -> None:
                service.gate.put(evaluator)
                in_force.set()

            return swap

        def on_status(status: LinkStatus) -> None:
            if status.state == "connected":
                connected.set()

        token = self.control.join_token(service.name)
        settings = LinkSettings(service.name, ("memory:1",), service.name, "sidegate/testing", token)
        state = StateDir(self.folder / service.name, service.name)
        jitter = random.Random(0)  # noqa: S311  # no secret
        link = Link(settings, state, compile_, now=self.now, rng=jitter, on_status=on_status, dial=self._dial)
        await link.restore()
        self.nursery.start_soon(link.run)
        with trio.move_on_after(CONVERGE_S) as patience:
            await connected.wait()
            if self.control.policy is not None:
                await in_force.wait()
        if patience.cancelled_caught:
            raise MeshError(f"the sidecar of {service.name} got no policy: {link.status.error}")

    async def _dial(self, _address: str, _context: object) -> trio.abc.Stream:
        near, far = trio.testing.memory_stream_pair()

        async def opening() -> tuple[trio.abc.Stream, bytes | None]:
            return far, None

        self.nursery.start_soon(self._server.connection, opening, "memory")
        return near

    def token(self, issuer: str = "own", *, service: str | None = None, **claims: Any) -> str:
        """A token of any issuer of the policy, by its name there, with any claims over sensible ones; a claim set
        to None is left out. It is for ``service``, or for every service that accepts the issuer. Times are the
        mesh's: ``exp=-1`` is not a time; use ``exp=int(mesh.now()) - 1``, or ``advance``."""
        names = (
            [service] if service is not None else list(self.control.policy.service_names if self.control.policy else ())
        )
        accepting = [found for name in names for found in self.control.issuers(name) if found.name == issuer]
        if not accepting:
            known = sorted({found.name for name in names for found in self.control.issuers(name)})
            raise MeshError(f"no service here accepts an issuer {issuer!r}; accepted: {', '.join(known) or 'none'}")
        audiences = sorted({audience for found in accepting for audience in found.audiences})
        return self._mint.token(accepting[0], {"aud": audiences, **claims}, int(self.now()))


def _loaded(policy: str | Path, files: Mapping[str, str]) -> Policy:
    """The policy, with the files that it names: given ones, then those beside it, then a stand-in."""
    source, folder, name = policy, None, "policy.yaml"
    if isinstance(policy, Path):
        source, folder, name = policy.read_text(encoding="utf-8"), policy.parent, policy.name
    elif policy.endswith((".yaml", ".yml")) and "\n" not in policy:
        raise MeshError(f"push takes YAML or a pathlib.Path, and {policy!r} is text: push(Path({policy!r}))")
    given = dict(files)
    for file in referenced_files(str(source), os.environ, name=name):
        beside = folder / file if folder is not None else None
        if file not in given:
            given[file] = beside.read_text(encoding="utf-8") if beside and beside.exists() else any_key_set()
    return load(str(source), given, os.environ, name)
