"""The audit trail: audit."""

from typing import Annotated, Any

import typer

from . import output as out
from .options import Output, wants_json


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verb."""
    app.command()(audit)


def audit(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many at most.")] = 50,
    before: Annotated[int | None, typer.Option(metavar="ID", help="Older than that entry.", show_default=False)] = None,
    actor: Annotated[str | None, typer.Option(metavar="NAME", help="Of one operator.", show_default=False)] = None,
    action: Annotated[
        str | None, typer.Option(metavar="ACTION", help="Such as api_key.create, or api_key.", show_default=False)
    ] = None,
    output: Output = None,
) -> None:
    """Who changed what, newest first."""
    from .client import Client

    with Client() as client:
        answer = client.get("/audit", limit=limit, before=before, actor=actor, action=action)
    if wants_json(output):
        out.show_json(answer)
        return
    rows = [
        (one["id"], out.moment(one["at"]), one["actor"], one["action"], one["subject"], _told(one["detail"]))
        for one in answer["entries"]
    ]
    out.table(("id", "time", "actor", "action", "subject", "detail"), rows, "no entry is like that")


def _told(detail: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in detail.items() if value not in ("", None, []))


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return f"({_told(value)})"
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
