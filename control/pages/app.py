"""The routes, and how a request becomes a visit. Each page is made in a thread, and those that hash a password in the
few threads that there are for it, so that nobody who signs in slows down who gets a token."""

from collections.abc import Callable

import trio
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from control.api.gate import address_of
from control.api.problems import UNAVAILABLE, unavailable
from control.api.rate import Attempts
from control.errors import Denied
from control.mesh import Mesh

from . import account, authorize, changes, device, logout, reset, sign_in
from .browser import is_from_elsewhere, origin_of
from .site import Site
from .templates import Templates
from .visit import NotShown, Tries, Visit, form_of, query_of

router = APIRouter(include_in_schema=False)
MAX_AGENT = 300
STYLE_PATH = "/account/style.css"
_HASHES = {*sign_in.FORMS, *changes.HASHES, "reset"}
_GET_POST = ["GET", "POST"]

Page = Callable[[Site, Visit], Response]


def mount(app: FastAPI, mesh: Mesh, templates: Templates | None = None) -> None:
    """Puts the pages into the API's application."""
    url = mesh.issuer.url
    made = Templates.for_issuer(url) if templates is None else templates
    app.state.pages = Site(mesh, made, over_tls=url.startswith("https://"))
    app.include_router(router)


@router.api_route("/oauth2/authorize", methods=_GET_POST)
async def authorize_page(request: Request) -> Response:
    """A client sends somebody here."""
    return await _answered(request, authorize.authorize)


@router.api_route("/oauth2/device", methods=_GET_POST)
async def device_page(request: Request) -> Response:
    """Where a device's code is typed in."""
    return await _answered(request, device.device)


@router.api_route("/oauth2/logout", methods=_GET_POST)
async def logout_page(request: Request) -> Response:
    """A client wants somebody signed out."""
    return await _answered(request, logout.logout)


@router.api_route("/account", methods=_GET_POST)
async def account_page(request: Request) -> Response:
    """One's own account."""
    return await _answered(request, _account)


def _account(site: Site, visit: Visit) -> Response:
    """A change is sent to where it is offered."""
    shows = visit.asks or visit.which in sign_in.FORMS
    return account.account(site, visit) if shows else changes.changes(site, visit)


@router.api_route("/account/reset", methods=_GET_POST)
async def reset_page(request: Request) -> Response:
    """A new password, by a link."""
    return await _answered(request, reset.reset)


@router.get(STYLE_PATH)
def style(request: Request) -> Response:
    """The style sheet. Its address changes with it, so it may be kept."""
    kept = {"Cache-Control": "public, max-age=86400", "Cross-Origin-Resource-Policy": "same-origin"}
    return Response(_site(request).style, 200, kept, "text/css")


def _site(request: Request) -> Site:
    site: Site = request.app.state.pages
    return site


async def _answered(request: Request, page: Page) -> Response:
    body, site = await request.body(), _site(request)
    empty = _visit(request, site)
    try:
        visit = _visit(request, site, body)
    except NotShown as refused:
        return site.say(empty, refused)
    limiter = site.people.hashing if visit.which in _HASHES else None
    return await trio.to_thread.run_sync(_made, site, visit, page, limiter=limiter)


def _made(site: Site, visit: Visit, page: Page) -> Response:
    try:
        return page(site, visit)
    except NotShown as refused:
        return site.say(visit, refused)
    except Denied as error:  # they were turned off between two looks
        return site.say(visit, NotShown(403, str(error), again=True))
    except UNAVAILABLE as error:
        said = unavailable(error)
        return site.say(visit, NotShown(said.status, said.detail, wait_s=2))


def _visit(request: Request, site: Site, body: bytes | None = None) -> Visit:
    """NotShown. Without ``body`` it is one that only looks, and has no query."""
    form: dict[str, str] = {}
    text, query = "", ""
    if body is not None:
        query = query_of(request.scope["query_string"])
        if request.method == "POST":
            form, text = form_of(request.headers.get("content-type", ""), body)
    if form.get("form") and is_from_elsewhere(request.headers, origin_of(site.mesh.issuer.url)):
        raise NotShown(403, "Another site sent this form. Nothing was done.")
    return Visit(
        method=request.method,
        path=request.scope["path"],
        query=query,
        cookies=request.cookies,
        form=form,
        body=text,
        address=address_of(request.scope),
        agent=request.headers.get("user-agent", "")[:MAX_AGENT],
        now=site.mesh.now(),
        tries=_tries(request),
    )


def _tries(request: Request) -> Tries:
    """Counted with those of the API, on the one thread that counts."""
    attempts: Attempts = request.app.state.attempts
    address = address_of(request.scope)

    def begin(secret: bytes) -> float:
        return trio.from_thread.run_sync(lambda: attempts.begin(address, trio.current_time(), secret))

    def failed(secret: bytes) -> None:
        trio.from_thread.run_sync(lambda: attempts.failed(address, trio.current_time(), secret))

    return Tries(begin, failed)
