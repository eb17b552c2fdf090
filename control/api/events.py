"""What happens, as it happens: ``text/event-stream`` (the HTML standard, section 9.2).

An event's ``id`` goes into ``Last-Event-ID`` of whoever comes back. A comment every fifteen seconds keeps the
connection alive. It ends with the credential, with a reader that does not read, and with control.
"""

import json
from contextlib import suppress
from typing import Annotated, Any

import trio
from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from control.identity import Operator, Role
from control.mesh import Mesh
from control.rollout.events import Event, Events, TooMany, TooSlow

from .access import needs
from .given import TheMesh, TheOperator
from .problems import UNAVAILABLE, Refusal

router = APIRouter(prefix="/v1", tags=["rollout"])
STREAM = "text/event-stream"
LOOK_EVERY_S = 5.0
BEAT_EVERY_S = 15.0
WRITE_TIMEOUT_S = 20.0


def _events(request: Request) -> Events:
    events: Events = request.app.state.events
    return events


TheEvents = Annotated[Events, Depends(_events)]
LastId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=100, description="Go on after this event.")]
Since = Annotated[str | None, Query(max_length=100, description="The same, for those who cannot set a header.")]


class Stream(Response):
    """Events until somebody ends it."""

    media_type = STREAM

    def __init__(self, events: Events, after: str | None, mesh: Mesh, operator: Operator) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._events, self._after, self._mesh, self._operator = events, after, mesh, operator

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answers."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with trio.open_nursery() as nursery:

            async def until_it_goes() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                nursery.cancel_scope.cancel()

            async def until_it_may_not() -> None:
                live = True
                while live:
                    await trio.sleep(LOOK_EVERY_S)
                    with suppress(*UNAVAILABLE):
                        live = await trio.to_thread.run_sync(self._mesh.operators.is_live, self._operator.id)
                nursery.cancel_scope.cancel()

            nursery.start_soon(until_it_goes)
            nursery.start_soon(until_it_may_not)
            await self._tell(send)
            nursery.cancel_scope.cancel()
        with trio.move_on_after(WRITE_TIMEOUT_S):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, send: Send) -> None:
        try:
            with self._events.follow(self._after, self._operator.id) as following:
                text = ": here\n\n"
                while await _sent(send, text):
                    event = await following.next(BEAT_EVERY_S)
                    text = ": still here\n\n" if event is None else _text(self._events, event)
        except TooSlow:
            await _sent(send, ": too slow\n\n")
        except TooMany:
            await _sent(send, "retry: 30000\n: too many\n\n")


@router.get(
    "/events",
    status_code=200,
    dependencies=[needs(Role.VIEWER, "fleet:read")],
    response_class=Stream,
    responses={200: {"description": "Events.", "content": {STREAM: {"schema": {"type": "string"}}}}},
)
def follow_events(
    events: TheEvents, mesh: TheMesh, operator: TheOperator, last_event_id: LastId = None, since: Since = None
) -> Stream:
    """Versions, canary verdicts and the freeze, whichever control made them; and of the sidecars connected to this one
    who came, went, refused and why, and how far a version is. `gap`: something before was missed."""
    if events.is_full(operator.id):
        raise Refusal(429, "Too many follow the events. Try again later.", headers={"Retry-After": "30"})
    return Stream(events, last_event_id or since, mesh, operator)


async def _sent(send: Send, text: str) -> bool:
    """False if the reader did not take it in time."""
    with trio.move_on_after(WRITE_TIMEOUT_S) as writing:
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
    return not writing.cancelled_caught


def _text(events: Events, event: Event) -> str:
    data: dict[str, Any] = {"at": round(event.at, 3), **event.facts}
    # JSON has no line break that is not escaped, so that it is one field.
    return f"id: {events.id_of(event)}\nevent: {event.kind}\ndata: {json.dumps(data)}\n\n"
