"""compose.yml as a user runs it, under a real Docker engine. The tests share one mesh and run in the order written."""

import json
from collections.abc import Iterator

import pytest

from .engine import APPS, ROOT, SIDECARS, Project, engine, run, until

pytestmark = pytest.mark.compose

ASK = """
import urllib.request, urllib.error
try:
    print(urllib.request.urlopen('{url}', timeout=3).status)
except urllib.error.HTTPError as refused:
    print(refused.code)
except OSError as error:
    print('unreachable')
"""


@pytest.fixture(scope="module")
def mesh() -> Iterator[Project]:
    """The whole of compose.yml, up; taken away with its volumes and images whatever happens."""
    words = engine()
    if words is None:
        pytest.skip("NO DOCKER ENGINE HERE: compose.yml WAS NOT TESTED")
    project = Project(words)
    try:
        project.up()
        yield project
    finally:
        project.down()


@pytest.fixture(scope="module")
def token(mesh: Project) -> str:
    """A token with all that the shop needs."""
    return issue(mesh, "shop", "shop:browse", "orders:read")


def issue(mesh: Project, app: str, *scopes: str) -> str:
    """A token of a new application that has these scopes."""
    mesh.control("app", "add", app, *(word for scope in scopes for word in ("--scope", scope)))
    return mesh.control("token", "issue", "--app", app).strip()


def ask(mesh: Project, service: str, url: str) -> str:
    """What ``service`` gets from ``url``: a status, or ``unreachable``."""
    return mesh.python(service, ASK.format(url=url))


def healthy(mesh: Project, service: str) -> None:
    """Returns when the engine's own health check of ``service`` says so."""
    until(lambda: mesh.health(service) == "healthy", f"{service} is healthy")


def test_everything_comes_up_healthy(mesh: Project) -> None:
    """Control, sidecars and services report healthy, and the one-shot containers have ended well."""
    for service in ("control", *SIDECARS, *APPS):
        healthy(mesh, service)
    for service in ("credential", "bootstrap"):
        state = mesh.inspect(service)["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", 0)


def test_the_published_port_asks_for_a_token(mesh: Project, token: str) -> None:
    """Public is public; no token is 401, one without the scope 403, the right one 200."""
    assert mesh.status("/") == 200
    assert mesh.status("/shop/orders/7") == 401
    assert mesh.status("/shop/orders/7", issue(mesh, "nothing")) == 403
    response = mesh.get("/shop/orders/7", token)
    assert response is not None
    assert response.status_code == 200
    assert response.json()["orders_said"]["caller"]["scope"].split() == ["orders:read", "shop:browse"]


def test_the_second_sidecar_decides_for_itself(mesh: Project) -> None:
    """What web lets in, orders still refuses: the caller lacks orders' own scope."""
    response = mesh.get("/shop/orders/7", issue(mesh, "window", "shop:browse"))
    assert response is not None
    assert response.status_code == 403
    assert response.json()["orders_said"]["reason"] == "insufficient_scope"


def test_nobody_gets_around_a_sidecar(mesh: Project) -> None:
    """From the mesh network a service has no name and its address does not answer; its sidecar does."""
    networks = mesh.inspect("orders-app")["NetworkSettings"]["Networks"]
    (address,) = (network["IPAddress"] for network in networks.values())
    assert mesh.stranger("mesh", ASK.format(url="http://orders:8000/orders/7")) == "401"
    assert mesh.stranger("mesh", ASK.format(url="http://orders-app:8080/orders/7")) == "unreachable"
    assert mesh.stranger("mesh", ASK.format(url=f"http://{address}:8080/orders/7")) == "unreachable"
    assert ask(mesh, "web-app", f"http://{address}:8080/orders/7") == "unreachable"


def test_a_service_has_no_way_out_but_the_drawn_one(mesh: Project) -> None:
    """web reaches orders' sidecar; orders reaches nobody; neither reaches control or a sidecar's admin port."""
    networks = mesh.inspect("control")["NetworkSettings"]["Networks"]
    (control,) = (network["IPAddress"] for network in networks.values())
    assert ask(mesh, "web-app", "http://orders:8000/public/hello") == "200"
    assert ask(mesh, "web-app", "http://orders:8001/live") == "unreachable"
    assert ask(mesh, "orders-app", "http://web:8000/") == "unreachable"
    for service in APPS:
        assert ask(mesh, service, f"http://{control}:7000/live") == "unreachable"


@pytest.mark.parametrize("service", ["credential", "control", "bootstrap", *SIDECARS, *APPS])
def test_every_container_is_locked_down(mesh: Project, service: str) -> None:
    """Not root, a read-only root, no capabilities, no new privileges, no secret in its environment."""
    found = mesh.inspect(service)
    host = found["HostConfig"]
    assert found["Config"]["User"] in ("10001:10001", "10002:10002")
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert not any(entry.startswith(("CONTROL_TOKEN=", "SIDECAR_JOIN_TOKEN=")) for entry in found["Config"]["Env"])


def test_the_sidecar_image_holds_no_control(mesh: Project) -> None:
    """Neither control nor one of the dependencies that only control has."""
    script = (
        "import importlib.metadata as m; print(*sorted(d.name.lower().replace('_', '-') for d in m.distributions()))"
    )
    there = set(mesh.python("web-sidecar", script).split())
    assert "trio" in there
    locked = {
        line.split("==")[0] for line in (ROOT / "requirements/sidecar.txt").read_text().splitlines() if "==" in line
    }
    assert there - {"sidegate", "pip", "setuptools", "wheel"} <= locked
    assert ask(mesh, "web-sidecar", "http://127.0.0.1:8001/live") == "200"
    assert mesh.python("web-sidecar", "import importlib.util as u; print(u.find_spec('control'))") == "None"


def test_a_push_is_in_force_in_both_sidecars(mesh: Project) -> None:
    """What was public asks for a token once the push returns, at web and at orders; a rollback gives it back."""
    policy = (ROOT / "examples/policy.yaml").read_text().split("\ntests:")[0] + "\n"
    closed = policy.replace("access: public", "require: {scopes: [nobody]}")
    assert closed != policy

    def seen() -> tuple[int, str]:
        return mesh.status("/"), ask(mesh, "control", "http://orders:8000/public/hello")

    before = json.loads(mesh.control("-o", "json", "history"))
    rows = before["versions"] if isinstance(before, dict) else before
    assert seen() == (200, "200")
    mesh.push(closed)
    assert seen() == (401, "401")
    mesh.control("rollback", str(max(row["version"] for row in rows)), "--wait")
    assert seen() == (200, "200")


def recovers(mesh: Project, token: str, after: str) -> None:
    """A caller who only tries again gets through, and nobody gets in who should not."""
    until(lambda: mesh.status("/shop/orders/7", token) == 200, f"an answer after {after}")
    assert mesh.status("/shop/orders/7") == 401


@pytest.mark.parametrize("service", [*APPS, *SIDECARS])
@pytest.mark.parametrize("disturbance", ["restarted", "crashed", "recreated"])
def test_callers_recover_by_themselves(mesh: Project, token: str, service: str, disturbance: str) -> None:
    """A service or a sidecar goes and comes back; nothing else is touched, and the next callers are served."""
    before = mesh.containers(service)
    match disturbance:
        case "restarted":
            mesh.compose("restart", "-t", "5", service)
        case "crashed":
            mesh.crash(service)
        case _:
            mesh.compose("up", "-d", "--no-deps", "--force-recreate", service)
            assert mesh.containers(service) != before
    recovers(mesh, token, f"{service} was {disturbance}")


def test_a_service_is_scaled_up_and_down(mesh: Project, token: str) -> None:
    """Three replicas behind one sidecar all answer for it, and going back to one recovers as well."""
    mesh.compose("up", "-d", "--no-deps", "--scale", "orders-app=3", "orders-app")
    assert len(mesh.containers("orders-app")) == 3
    recovers(mesh, token, "scaling to 3")
    mesh.crash("orders-app")
    recovers(mesh, token, "all three crashed")
    mesh.compose("up", "-d", "--no-deps", "--scale", "orders-app=1", "orders-app")
    assert len(mesh.containers("orders-app")) == 1
    recovers(mesh, token, "scaling to 1")


def test_nothing_needs_control_to_answer(mesh: Project, token: str) -> None:
    """With control gone the mesh serves on, even a sidecar that restarts; with control back, all are connected."""
    mesh.compose("stop", "-t", "5", "control")
    assert mesh.status("/shop/orders/7", token) == 200
    mesh.compose("restart", "-t", "5", "orders-sidecar")
    recovers(mesh, token, "a sidecar restarted without control")
    mesh.compose("start", "control")
    healthy(mesh, "control")
    mesh.push((ROOT / "examples/policy.yaml").read_text())
    assert mesh.status("/shop/orders/7", token) == 200


def test_up_again_changes_nothing(mesh: Project, token: str) -> None:
    """A second ``up`` keeps the credential, the policy and every version, and the mesh serves on."""
    before = json.loads(mesh.control("-o", "json", "history"))
    mesh.up()
    recovers(mesh, token, "a second up")
    assert json.loads(mesh.control("-o", "json", "history")) == before


def test_down_leaves_nothing(mesh: Project) -> None:
    """No container, volume, network or image of the project is left."""
    assert mesh.left_behind()
    mesh.down()
    assert mesh.left_behind() == []
    assert run(["docker", "image", "ls", "-q", "python:3.11-slim"])
