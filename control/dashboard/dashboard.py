"""The page, and signing in and out with the operator credential. It changes nothing and shows no secret."""

from urllib.parse import parse_qs

import trio
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from control.api.canary import TheWatch
from control.api.fleet import Sidecar, sidecars_of
from control.api.gate import address_of, try_credential
from control.api.given import TheFleet, TheMesh
from control.identity.roles import covers
from control.mesh import Mesh
from control.rollout.watch import Report

from . import pages, rollout
from .sessions import LIFETIME_S, Sessions

COOKIE = "control_session"
VERSIONS_SHOWN = 20
SHOWN = ("policy:read", "fleet:read", "identity:read")
"""What a credential has to allow."""

router = APIRouter(include_in_schema=False)


def mount(app: FastAPI, *, over_tls: bool) -> None:
    """Puts the page into the API's application. ``over_tls``: others reach control by https, so cookies are Secure."""
    app.state.sessions = Sessions()
    app.state.over_tls = over_tls
    app.include_router(router)


@router.get("/")
async def home(request: Request, mesh: TheMesh, fleet: TheFleet, watch: TheWatch) -> Response:
    """The status page, or the form that asks who is there."""
    if not await _signed_in(request, mesh):
        return _html(pages.sign_in())
    sidecars, report = await sidecars_of(fleet), await watch.report()
    return _html(await trio.to_thread.run_sync(_status, mesh, sidecars, report))


@router.post("/login")
async def login(request: Request, mesh: TheMesh) -> Response:
    """Takes the operator credential and gives a session for it."""
    credential = _credential(await request.body())
    attempts = request.app.state.attempts
    operator = await try_credential(mesh, attempts, address_of(request.scope), credential)
    if operator is None:
        return _html(pages.sign_in("This is not the operator credential of this control."), 401)
    if not all(covers(operator.scopes, scope) for scope in SHOWN):
        return _html(pages.sign_in("This credential is narrowed to other things than the page shows."), 403)
    name = _sessions(request).begin(operator.id, trio.current_time())
    response = RedirectResponse("/", 303)
    response.set_cookie(
        COOKIE, name, max_age=LIFETIME_S, httponly=True, samesite="strict", secure=request.app.state.over_tls
    )
    return response


@router.post("/logout")
async def logout(request: Request) -> Response:
    """Ends the session."""
    _sessions(request).end(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/", 303)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _credential(body: bytes) -> str:
    try:
        form = parse_qs(body.decode("utf-8", "replace"), max_num_fields=8)
    except ValueError:
        return ""
    return form.get("credential", [""])[0].strip()


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


async def _signed_in(request: Request, mesh: Mesh) -> bool:
    session = _sessions(request).find(request.cookies.get(COOKIE, ""), trio.current_time())
    if session is None:
        return False
    return await trio.to_thread.run_sync(mesh.operators.is_live, session.operator_id)


def _status(mesh: Mesh, sidecars: list[Sidecar], report: Report | None) -> str:
    current, frozen = mesh.current(), mesh.freezes.current()
    return pages.page(
        "control",
        pages.top(),
        pages.notice(f"The policy is {frozen}") if frozen else pages.Html(""),
        *(() if report is None else rollout.canary(report)),
        *rollout.blocking(sidecars),
        pages.heading(f"Version {current.version}" if current else "No version yet"),
        pages.table(
            ("Version", "Kind", "When", "By", "Note"),
            [(v.version, v.kind, pages.moment(v.created_at), v.actor, v.note) for v in mesh.history(VERSIONS_SHOWN)],
            "Nothing has been pushed.",
        ),
        pages.heading("Sidecars"),
        pages.table(
            ("Service", "Instance", "Address", "Version", "State", "Last seen"),
            [_sidecar_row(one) for one in sidecars],
            "No sidecar has joined.",
        ),
        pages.heading("Applications"),
        pages.table(
            ("Name", "Client", "Scopes", "Services", "State"),
            [
                (
                    app.name,
                    app.client_id,
                    ", ".join(app.scopes),
                    "all" if app.services is None else ", ".join(app.services),
                    "active" if app.active else pages.bad("disabled"),
                )
                for app in mesh.applications.list()
            ],
            "No application is registered.",
        ),
    )


def _sidecar_row(one: Sidecar) -> tuple[object, ...]:
    state = one.state + (f": {one.reason}" if one.reason else "")
    return (
        one.service,
        one.instance,
        one.address,
        one.version or "",
        state if one.state == "acked" else pages.bad(state),
        pages.moment(one.last_seen),
    )


def _html(text: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(text, status, {"Content-Security-Policy": pages.POLICY})
