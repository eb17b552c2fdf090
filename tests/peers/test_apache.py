"""Apache's mod_auth_openidc as a client of the identity server: somebody opens a page, signs in at control, sees what a
service behind a sidecar says to them, and signs out."""

import secrets
from collections.abc import Iterator

import pytest

from ..stories.conftest import Stack
from .apache import free_port, require_apache, start_apache
from .relying import Person
from .test_relying import POLICY, settled

pytestmark = pytest.mark.peers
SCOPE = "openid profile orders:read"
PASSWORD = "a heron by the mill pond"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Control, a service and its sidecar."""
    require_apache()
    made = Stack(tmp_path_factory.mktemp("apache"))
    with made.processes:
        made.start_control()
        made.add_sidecar("orders", "orders", made.start_echo())
        made.control("push", str(made.policy(POLICY)), "--wait")
        yield made
    made.http.close()


@pytest.fixture
def ann(stack: Stack) -> Iterator[Person]:
    """Somebody with a password."""
    username = f"ann-{secrets.token_hex(3)}"
    stack.control("user", "add", username)
    link = stack.control("user", "reset-link", username).split()[0]
    someone = Person(stack.operator["CONTROL_URL"], username, PASSWORD)
    someone.send(someone.open(link), "reset", new=PASSWORD, again=PASSWORD)
    yield someone
    someone.close()


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_page_behind_apache(stack: Stack, ann: Person, method: str) -> None:
    """Discovery, a code with PKCE, the service's answer through the sidecar; who is signed out is asked again; who is
    turned off is in the sidecar no more."""
    name, port = f"site-{method}", free_port()
    back, bye = f"http://127.0.0.1:{port}/back", f"http://127.0.0.1:{port}/bye"
    scopes = [part for scope in SCOPE.split() for part in ("--scope", scope)]
    app = stack.control_json("app", "add", name, *scopes)
    stack.control("client", "add", name, "--redirect", back, "--redirect", bye)
    known = {"issuer": stack.operator["CONTROL_URL"], "sidecar": stack.urls["orders"], "scope": SCOPE}
    client = {"client_id": app["client_id"], "client_secret": app["client_secret"], "method": method}
    site = start_apache(name, stack.processes, port, **known, **client)

    page = ann.send(ann.open(f"{site}/orders/7"), "consent", "allow")
    assert page.location.startswith(back + "?"), page.text
    page = ann.open(page.location)
    assert page.location == f"{site}/orders/7", stack.processes.log(name)
    page = ann.open(page.location)
    headers = {key.lower(): value for key, value in page.answer.json()["headers"]}
    assert page.status == 200
    assert (headers["x-auth-client"], set(headers["x-auth-scope"].split())) == (app["client_id"], set(SCOPE.split()))
    assert headers["x-remote-user"].startswith("ann-")

    page = ann.open(f"{back}?logout={bye}")
    assert page.location == bye, page.text
    assert ann.look(f"{site}/orders/7").form("sign_in")
    page = ann.open(ann.open(f"{site}/orders/7").location)  # she has allowed it before
    assert ann.open(page.location).status == 200
    stack.control("user", "update", headers["x-auth-subject"], "--disable")
    settled(stack)
    assert ann.open(f"{site}/orders/7").status == 401
