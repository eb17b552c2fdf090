"""A whole control without sockets, people in it, and browsers that do with its pages what people do."""

import base64
import hashlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import trio
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from starlette.types import ASGIApp

from control.app import site
from control.distribution import PushServer
from control.identity.oauth.clients import DEVICE
from control.identity.people import NotSignedIn, Person, Session
from control.mesh import Mesh, open_mesh
from control.pages import Templates
from tests.control.api.conftest import POLICY

from .browser import Browser, Page

HERE, BACK = "https://control.test", "https://web.shop.test/back"
PASSWORD = "correct horse battery staple"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


def totp(secret: bytes, now: float) -> str:
    """What an authenticator shows."""
    return TOTP(secret, 6, SHA1(), 30).generate(int(now)).decode()  # noqa: S303


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class House:
    """A mesh with two clients and two people: ann has a password, bea a second factor too."""

    def __init__(self, mesh: Mesh, clock: Clock, *, furnished: "House | None" = None) -> None:
        self.mesh, self.clock, self.people = mesh, clock, mesh.people
        if furnished is None:
            self._furnish()
        else:
            self.ann, self.bea, self._bea = furnished.ann, furnished.bea, furnished._bea
            self.web, self.secret, self.tv = furnished.web, furnished.secret, furnished.tv
            self.recovery_codes = furnished.recovery_codes

    def _furnish(self) -> None:
        mesh = self.mesh
        mesh.push(POLICY, {}, {}, "test")
        self.ann = self._person("ann", name="Ann", email="ann@shop.test")
        self.bea = self._person("bea")
        self._bea = base64.b32decode(self.people.second_factors.begin(self.bea.id).secret_base32)
        self.recovery_codes = self.people.second_factors.confirm(self.bea.id, self.code())
        self.web, self.secret = mesh.applications.create("web", "test", scopes=["openid", "profile", "orders:read"])
        mesh.clients.register(self.web.client_id, [BACK], "test", 0.0)
        self.tv, _ = mesh.applications.create("tv", "test", scopes=["orders:read"])
        mesh.clients.register(self.tv.client_id, [], "test", 0.0, public=True, grant_types=[DEVICE])

    def _person(self, username: str, **more: str) -> Person:
        self.people.users.create(username, "test", **more)
        return self.people.passwords.reset(self.link(username), PASSWORD)

    def link(self, username: str) -> str:
        """An operator's, for a new password."""
        return self.people.passwords.link(username, "test")[1]

    def code(self) -> str:
        """The next one of bea's authenticator."""
        self.clock.now += 30
        return totp(self._bea, self.clock.now)

    def opens(self, username: str, password: str) -> bool:
        """Does that password sign them in?"""
        outcome = self.people.sign_in.password(username, password, "192.0.2.200")
        return not isinstance(outcome, NotSignedIn)

    def sessions(self, person: Person) -> list[Session]:
        """Where they are signed in."""
        return self.people.sessions.of(person.id)

    def query(self, **changes: str | None) -> str:
        """An authorization request of the client."""
        usual = {
            "response_type": "code",
            "client_id": self.web.client_id,
            "redirect_uri": BACK,
            "scope": "openid orders:read",
            "state": "s",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        return urlencode({name: value for name, value in {**usual, **changes}.items() if value is not None})

    def authorize(self, **changes: str | None) -> str:
        """Where it leads."""
        return "/oauth2/authorize?" + self.query(**changes)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, House]:
    """Made once, and copied for each test."""
    data, clock = tmp_path_factory.mktemp("house") / "data", Clock()
    mesh = open_mesh(data, HERE, clock=clock)
    made = House(mesh, clock)
    mesh.close()
    return data, made


@pytest.fixture
def house(tmp_path: Path, furnished: tuple[Path, House]) -> Iterator[House]:
    """One's own."""
    data, made = furnished
    shutil.copytree(data, tmp_path / "data")
    clock = Clock()
    clock.now = made.clock.now + 30
    mesh = open_mesh(tmp_path / "data", HERE, clock=clock)
    yield House(mesh, clock, furnished=made)
    mesh.close()


@pytest.fixture(scope="session")
def templates() -> Templates:
    """Compiled once."""
    return Templates.for_issuer(HERE)


@pytest.fixture
async def served(house: House, templates: Templates, nursery: trio.Nursery) -> ASGIApp:
    """What ``control serve`` would serve."""
    fleet = PushServer(house.mesh)
    await nursery.start(fleet.distribute)
    return site(house.mesh, fleet, over_tls=True, templates=templates)


@pytest.fixture
async def browser(served: ASGIApp) -> AsyncIterator[Browser]:
    """One in which nobody has signed in."""
    async with Browser(served, HERE, AGENT, "192.0.2.1") as made:
        yield made


@pytest.fixture
async def other(served: ASGIApp) -> AsyncIterator[Browser]:
    """Somebody else's, elsewhere."""
    async with Browser(served, HERE, "curl/8", "192.0.2.2") as made:
        yield made


async def sign_in(browser: Browser, at: str = "/account", username: str = "ann") -> Page:
    """The page that comes after the form at ``at``."""
    page = await browser.open(at)
    return await browser.send(page, "sign_in", username=username, password=PASSWORD)
