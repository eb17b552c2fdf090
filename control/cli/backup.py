"""Backup and restore: the two verbs that work on the database itself, and not on a control that runs."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from . import output as out
from .failure import USAGE, Failure
from .options import Output, wants_json

if TYPE_CHECKING:
    from control.settings import Settings
    from control.store.backup_file import Header

Data = Annotated[str | None, typer.Option(metavar="DIR", help="As of control serve.", show_default=False)]
Database = Annotated[str | None, typer.Option(metavar="URL", help="As of control serve.", show_default=False)]
Config = Annotated[str | None, typer.Option(metavar="FILE.toml", help="As of control serve.", show_default=False)]
File = Annotated[Path, typer.Argument(metavar="FILE", show_default=False)]


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    app.command()(backup)
    app.command()(restore)


def backup(
    file: File, data: Data = None, database: Database = None, config: Config = None, output: Output = None
) -> None:
    """Write all that control keeps to a new FILE (0600), as it is at this moment. Control may go on serving."""
    from control.errors import ControlError
    from control.mesh.backups import described
    from control.store.backup import back_up
    from control.store.direct import engine_of

    settings, said = _settings(data, database, config), dict[str, Any]()

    def says(session: Any) -> dict[str, Any]:
        said.update(described(session))
        return said

    with _refusals(settings):
        engine = engine_of(settings.data, settings.database, create=False)
        try:
            with _new_file(file) as opened:
                rows = back_up(engine, opened, says)
        except ControlError as error:
            raise Failure(f"No backup was made: {error}.") from None
    if wants_json(output):
        out.show_json({"file": str(file), "rows": rows, **said})
    else:
        out.say(f"version {said['version']}, {rows} rows: written to {file}")
    _tell_of_keys(said)


def restore(
    file: File, data: Data = None, database: Database = None, config: Config = None, output: Output = None
) -> None:
    """Put a backup into an empty database: a directory that has none yet, or PostgreSQL without tables."""
    from control.app import StartError, hold_alone
    from control.errors import ControlError
    from control.mesh.backups import go_on
    from control.store.backup import restore as put_back
    from control.store.direct import engine_of

    settings, now_is = _settings(data, database, config), dict[str, Any]()
    with _refusals(settings), file.open("rb") as opened, ExitStack() as held:
        try:
            if settings.database is None:
                held.callback(os.close, hold_alone(settings.data))
            engine = engine_of(settings.data, settings.database, create=True)
            header = put_back(engine, opened, lambda session, head: now_is.update(go_on(session, head, time.time())))
        except StartError as error:
            raise Failure(str(error), error.exit_code) from None
        except ControlError as error:
            raise Failure(f"Nothing was restored from {file}: {error}.") from None
    _tell(header, now_is, output)


def _tell(header: "Header", now_is: dict[str, Any], output: Output) -> None:
    """What is in the database now, and not what the file says of itself."""
    made = out.moment(min(max(header.created_at, 0), 2**35))
    if wants_json(output):
        out.show_json({"created_at": header.created_at, **now_is})
    else:
        out.say(f"restored as of {made}; the mesh goes on at version {now_is['version']}")
    out.hint(
        f"What was changed after {made} is lost. What was REVOKED or removed after it COUNTS AGAIN: tokens, signing"
    )
    out.hint(
        "keys, API keys, applications, people and their passwords, operators, join tokens, sidecars. Revoke it again:"
    )
    out.hint("control revoke, keys rotate --now --revoke-old, key remove, app remove, operator remove. Sidecars that")
    out.hint("joined since have to join again. People sign in again, and need a new link if they had one.")
    _tell_of_keys(now_is)


def _tell_of_keys(said: dict[str, Any]) -> None:
    if said.get("plain_keys"):
        out.hint("WARNING: the private keys in the backup are NOT ENCRYPTED. Whoever reads it can issue tokens and")
        out.hint("policies. Keep it as you would keep the keys, or give control a master key and make another one.")
    for key in said.get("master_keys") or ():
        out.hint(
            f"The private keys in it are encrypted: a control that is to start with it needs the master key {key}."
        )


def _settings(data: str | None, database: str | None, config: str | None) -> "Settings":
    from control.settings import SettingsError, load

    try:
        return load({"data": data, "database": database, "config": config}, os.environ)
    except SettingsError as error:
        raise Failure(str(error), USAGE) from None


@contextmanager
def _refusals(settings: "Settings") -> Iterator[None]:
    """Whatever the file system and the database say, as a sentence."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except OSError as error:
        raise Failure(f"{error.filename or settings.data}: {error.strerror}.") from None
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or type(error).__name__)
        raise Failure(f"The database cannot be used ({cause}).") from None


@contextmanager
def _new_file(file: Path) -> Iterator[BinaryIO]:
    """A file that is there when it is whole, and not before; never in the place of another."""
    if file.exists():
        raise Failure(f"{file}: exists already. Remove it or name another file.")
    descriptor, name = tempfile.mkstemp(prefix=".backup-", dir=file.absolute().parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
        _name(name, file)
        directory = os.open(file.absolute().parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)
    except FileExistsError:
        raise Failure(f"{file}: exists already. Remove it or name another file.") from None
    finally:
        with suppress(OSError):
            Path(name).unlink()


def _name(made: str, file: Path) -> None:
    try:
        os.link(made, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without links; the moment between the look and this is all that is lost
        Path(made).rename(file)
