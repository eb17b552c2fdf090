"""The composition root: settings in, one nursery tree out.

    run
      |- HTTP        Hypercorn's trio worker: API, issuer, pages for people, dashboard
      |- push        the push server
      |- keys        every few seconds: the next step of a key rotation, if one is due
      |- providers   the keys of outside issuers, as often as each is due
      |- canary      every two seconds while one runs: the verdict, if it is time
      |- ends        every two seconds: people and secrets whose time is over are turned off
      |- pruning     every hour: what nobody can need any more goes
      |- news        what happens, for those who follow it
      `- the end     SIGTERM or SIGINT: no new connections, those under way get a moment, exit 0

Both sockets are bound before anything is opened, so that a port that is taken changes nothing on disk. Whatever
keeps control from starting is a StartError: one sentence, and no traceback.
"""

import fcntl
import gc
import logging
import os
import resource
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import trio
from hypercorn.config import Config
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp

from control.api.app import application, guarded
from control.api.versions import MAX_WAIT_S
from control.authority.key_source import KeySource
from control.authority.vault import Vault
from control.dashboard import dashboard
from control.distribution import Presence, PushServer
from control.errors import ControlError
from control.http_port import serve_http
from control.issuers.fetch import Fetcher
from control.issuers.refresher import Refresher
from control.journal import write_journal
from control.listeners import BindError, Bound, bind_http, bind_push
from control.mesh import Mesh, open_mesh
from control.pages import BrokenTemplate, Templates, mount
from control.policy import PolicyErrors
from control.rollout.events import Events
from control.rollout.news import News
from control.rollout.watch import Watch
from control.settings import Settings

KEYS_EVERY_S = 2.0
ENDS_EVERY_S = 2.0
PRUNE_EVERY_S = 3600.0
"""And not before: a clock that was wrong at the start has been put right by then."""
GRACE_S = 2.0
"""For answers under way when control is told to stop."""
STOP_WITHIN_S = 8.0

_log = logging.getLogger("control")


class StartError(Exception):
    """Control cannot begin. The text says why and what to do."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def run(settings: Settings) -> None:
    """``control serve``: returns after an orderly end; StartError if it could not begin."""
    if settings.database is not None and settings.public_url is None:
        raise StartError("database: set public_url too: all controls over it issue tokens under that one name.", 2)
    write_journal(settings.log_level)
    _take_all_descriptors()
    http, push = _bind(settings)
    url = settings.public_url or f"http://{http.shown}"
    templates = _templates(url, settings.pages_dir)
    # Before anything is read or written: what opens may already change the mesh.
    hold = hold_alone(settings.data) if settings.database is None else None
    mesh = _open(settings, url)
    try:
        _admit_operator(mesh, settings.token)
        if settings.dynamic_registration:
            mesh.let_clients_register()
        trio.run(_serve, mesh, settings, templates, http, push)
        if hold is not None:
            os.close(hold)
    finally:
        mesh.close()
        for place in push:
            place.close()


def _take_all_descriptors() -> None:
    """Each connection is one, and the 1024 that a shell gives are few. More is for the operator to allow."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _bind(settings: Settings) -> tuple[Bound, list[Bound]]:
    try:
        return bind_http(settings.http), [bind_push(place) for place in settings.push]
    except BindError as error:
        raise StartError(str(error)) from None


def _templates(url: str, directory: Path | None) -> Templates:
    try:
        return Templates.for_issuer(url, directory)
    except BrokenTemplate as error:
        raise StartError(f"pages_dir: {error}.", 2) from None


def _open(settings: Settings, public_url: str) -> Mesh:
    where = f"data {settings.data}" if settings.database is None else "database"
    vault = _vault(settings)
    try:
        return open_mesh(
            settings.data,
            public_url,
            database=settings.database,
            token_lifetime_s=settings.token_lifetime_s,
            key_grace_s=settings.key_grace_s,
            key_rotation_s=settings.key_rotation_s,
            vault=vault,
        )
    except OSError as error:
        raise _unusable(settings.data, error) from None
    except SQLAlchemyError as error:
        cause = (str(getattr(error, "orig", None) or "").strip().splitlines() or [type(error).__name__])[0]
        raise StartError(f"{where}: its database cannot be used ({cause}).") from None
    except PolicyErrors as errors:
        first = errors.problems[0].message if errors.problems else str(errors)
        raise StartError(f"{where}: the policy in force can no longer be compiled: {first}") from None
    except ControlError as error:
        raise StartError(f"{where}: {error}") from None


def _vault(settings: Settings) -> Vault:
    """What the private keys are kept in, its master keys read."""
    given = (settings.master_key, settings.master_key_previous)
    try:
        current, previous = (None if one is None else _kept_apart(one, settings.data).read() for one in given)
    except ControlError as error:
        raise StartError(str(error), 2) from None
    return Vault(current, () if previous is None else (previous,))


def _kept_apart(source: KeySource, data: Path) -> KeySource:
    if source.file is not None and source.file.resolve().is_relative_to(data.resolve()):
        raise StartError(f"{source.said}: is in the data directory, whose every copy would hold both. Move it.", 2)
    return source


def _unusable(data: Path, error: OSError) -> StartError:
    return StartError(f"data {data}: {error.strerror}. It should be a directory that control may write to.")


def hold_alone(data: Path) -> int:
    """Locks the directory: of two controls on one database, neither would hear what the other changes."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = os.open(data, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    except OSError as error:
        raise _unusable(data, error) from None
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartError(f"data {data}: another control runs with it. Stop that one, or name another --data.") from None
    except OSError:
        _log.warning("data %s: its file system knows no locks; see to it that one control uses it", data)
    return directory


def _admit_operator(mesh: Mesh, token: str | None) -> None:
    try:
        made = mesh.operators.ensure(token)
    except ControlError as error:
        raise StartError(f"CONTROL_TOKEN: {error}", 2) from None
    if made is not None:
        print(f"operator credential, shown this once (set CONTROL_TOKEN to it):\n{made}", file=sys.stderr, flush=True)


def site(
    mesh: Mesh,
    fleet: PushServer,
    refresher: Refresher | None = None,
    watch: Watch | None = None,
    told: Events | None = None,
    *,
    over_tls: bool = False,
    templates: Templates | None = None,
) -> ASGIApp:
    """All that is served over HTTP, behind its gate. Runs inside trio. ``templates``: of the pages for people."""
    app = application(mesh, fleet, refresher, watch, told)
    dashboard.mount(app, over_tls=over_tls)
    mount(app, mesh, templates)
    return guarded(app)


async def _serve(mesh: Mesh, settings: Settings, templates: Templates, http: Bound, push: list[Bound]) -> None:
    end = trio.Event()
    fleet = PushServer(mesh)
    refresher = Refresher(mesh.providers, Fetcher(settings.provider_networks))
    watch = Watch(mesh, fleet, settings.canary, now=time.time, in_charge=mesh.in_charge)
    events = Events(time.time)
    over_tls = (settings.public_url or "").startswith("https://")
    app = site(mesh, fleet, refresher, watch, events, over_tls=over_tls, templates=templates)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_listen_for_signals, end)
        await nursery.start(fleet.serve, [place.listener() for place in push])
        nursery.start_soon(_advance_keys, mesh, fleet)
        nursery.start_soon(refresher.run)
        nursery.start_soon(watch.run)
        nursery.start_soon(_end_expired, mesh)
        nursery.start_soon(_prune, mesh, settings.audit_kept_s)
        await nursery.start(News(mesh, fleet, events).run)
        nursery.start_soon(Presence(fleet, mesh.presence).run)
        async with trio.open_nursery() as until_answered:
            await until_answered.start(serve_http, app, _hypercorn(), http.listener(), end)
            _collect_seldom()
            shown = "  ".join(f"push {place.shown}" for place in push)
            print(f"control ready: http http://{http.shown}  {shown}", flush=True)
        nursery.cancel_scope.cancel()


def _collect_seldom() -> None:
    """With ten thousand sidecars there are millions of objects that stay; looking through them for cycles every 700 new
    ones took a third of the time of a push."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _hypercorn() -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.include_server_header = False
    config.graceful_timeout = GRACE_S
    config.keep_alive_timeout = 5  # Hypercorn also keeps what its client has closed for as long
    config.read_timeout = int(MAX_WAIT_S) + 15  # also runs while a long poll is being answered
    return config


async def _listen_for_signals(end: trio.Event) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            if end.is_set():
                os._exit(1)  # told twice; what is committed is on disk
            end.set()
            # Hypercorn shields its writes: a client that reads nothing could hold the process for ever.
            last_resort = threading.Timer(STOP_WITHIN_S, os._exit, (0,))
            last_resort.daemon = True
            last_resort.start()


async def _advance_keys(mesh: Mesh, fleet: PushServer) -> None:
    while True:
        try:
            await trio.to_thread.run_sync(mesh.advance_keys, await fleet.lowest_everywhere())
        except Exception:
            # A full disk or a locked database passes; without this task keys would never rotate again.
            _log.exception("the signing keys could not be advanced; trying again")
        await trio.sleep(KEYS_EVERY_S)


async def _end_expired(mesh: Mesh) -> None:
    while True:
        try:
            await trio.to_thread.run_sync(mesh.end_expired)
        except Exception:
            # A full disk or a locked database passes; without this task nobody's time would ever be over.
            _log.exception("whose time is over could not be turned off; trying again")
        await trio.sleep(ENDS_EVERY_S)


async def _prune(mesh: Mesh, audit_kept_s: int) -> None:
    def ours() -> None:
        if mesh.in_charge():
            mesh.prune(audit_kept_s)

    while True:
        await trio.sleep(PRUNE_EVERY_S)
        try:
            await trio.to_thread.run_sync(ours)
        except Exception:
            # A full disk or a database that is away passes; what should go is there at the next hour, too.
            _log.exception("what is over could not be removed; trying again in an hour")
