"""``control events``: what happens, line by line; and the wish to look again, for ``status --watch``."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import output as out
from .failure import UNREACHABLE, UNREADABLE, Failure
from .options import Output, wants_json

if TYPE_CHECKING:
    from .client import Client

COME_BACK_S = 1.0
AT_MOST_EVERY_S, AT_LEAST_EVERY_S = 0.3, 5.0


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verb."""
    app.command()(events)


def events(
    since: Annotated[
        str | None, typer.Option(metavar="ID", help="Also what came after this event.", show_default=False)
    ] = None,
    output: Output = None,
) -> None:
    """What happens, until Ctrl-C: versions, how far each is, refusals, who comes and goes, canary verdicts, freezes. A
    connection that ends is taken up where it was."""
    from .client import Client

    with Client() as client:
        for event in followed(client, since):
            if wants_json(output):
                print(json.dumps(event))
            else:
                out.say(_line(event))
            sys.stdout.flush()


def followed(client: "Client", since: str | None = None) -> Iterator[dict[str, Any]]:
    """Events as they come, for ever; Failure if control does not let us, or cannot be reached the first time."""
    last, reached = since, False
    while True:
        try:
            for event in _read(client.lines("/events", {} if last is None else {"Last-Event-ID": last})):
                reached = True
                if event is not None:
                    last = event["id"]
                    yield event
        except Failure as failure:
            if failure.exit_code != UNREACHABLE or not reached:
                raise
        threading.Event().wait(COME_BACK_S)


def news() -> Iterator[None]:
    """Now, and whenever something has happened (once for what comes close together), or after some seconds."""
    from .client import Client

    happened = threading.Event()

    def listen() -> None:
        # Whoever may not follow events looks every few seconds, as whoever follows another control's sidecars does.
        with suppress(Failure, *UNREADABLE), Client() as client:
            for _ in followed(client):
                happened.set()

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield
        happened.wait(AT_LEAST_EVERY_S)
        threading.Event().wait(AT_MOST_EVERY_S)
        happened.clear()


def _read(lines: Iterator[str]) -> Iterator[dict[str, Any] | None]:
    """The HTML standard, section 9.2.6, as far as control uses it; None for a comment."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if not line:
            if "data" in fields:
                yield {"id": fields.get("id", ""), "event": fields.get("event", ""), **json.loads(fields["data"])}
            fields = {}
        elif not name:
            yield None
        else:
            fields[name] = value.removeprefix(" ")


def _line(event: dict[str, Any]) -> str:
    shown = {name: value for name, value in event.items() if name not in ("id", "event", "at") and value != ""}
    facts = " ".join(
        f"{name}={value if isinstance(value, int) else json.dumps(value)}" for name, value in shown.items()
    )
    return f"{out.moment(event['at'])}  {event['event']:<12}  {facts}  [{event['id']}]"
