"""Cases 21, 37-44 and 47: paths, hosts, methods, limits, rewriting, CORS."""

import pytest

from .conftest import Gateway, seen


@pytest.mark.parametrize("name", ["X-Auth-Subject", "x_auth_subject", "X-AUTH-CLIENT", "X-Auth-Scope", "X-Auth-Claims"])
def test_21_a_client_s_own_identity_header_on_an_anonymous_route(gateway: Gateway, name: str) -> None:
    """Stripped: EG forwards it."""
    answer = gateway.stack.http.get(gateway.stack.urls["orders"] + "/anonymous", headers={name: "admin"})
    assert not [header for header in seen(answer) if header.replace("_", "-").startswith("x-auth")]


@pytest.mark.parametrize(("path", "status"), [("/admin", 200), ("/admin/", 200), ("/admin/new", 404), ("/adm", 404)])
def test_37_path_admin(gateway: Gateway, path: str, status: int) -> None:
    """Itself, with or without a slash behind it, and nothing else."""
    assert gateway.status(path) == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/below/new/1", 200),
        ("/below/new", 200),
        ("/below", 404),
        ("/below/", 404),
        ("/customary/new/1", 200),
        ("/customary", 200),
    ],
)
def test_38_path_admin_and_a_star(gateway: Gateway, path: str, status: int) -> None:
    """All below it, at any depth, and not itself; the customary ``**`` has itself as well."""
    assert gateway.status(path) == status


@pytest.mark.parametrize(
    ("host", "status"),
    [("a.acme.com", 200), ("A.ACME.COM", 200), ("a.b.acme.com", 404), ("acme.com", 404), ("xacme.com", 404)],
)
def test_39_host_with_a_star(gateway: Gateway, host: str, status: int) -> None:
    """One label 200; two labels and the bare domain 404."""
    assert gateway.status("/host", Host=host) == status


def test_40_methods_get_only_and_a_post(gateway: Gateway) -> None:
    """405 with Allow: EG answers 404."""
    answer = gateway.ask("/get", method="POST")
    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"].split(", ")
    assert gateway.status("/get") == 200


def test_41_two_entries_read_on_get_and_write_on_put(gateway: Gateway) -> None:
    """Each entry asks for its own scope."""
    reader, writer = gateway.token(scope="read"), gateway.token(scope="write")
    assert [gateway.status("/entry", token) for token in (reader, writer)] == [200, 403]
    assert [gateway.status("/entry", token, "PUT") for token in (reader, writer)] == [403, 200]


def test_42_rate_limit_of_two(gateway: Gateway) -> None:
    """200, 200, 429 with Retry-After; then 200 on another route: EG counts them together."""
    token = gateway.token(sub="case-42")
    answers = [gateway.ask("/twice", token) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[2].headers["retry-after"]) >= 1
    assert gateway.status("/other", token) == 200
    assert gateway.status("/twice", gateway.token(sub="case-42-b")) == 200


def test_43_upstream_refuses_the_connection(gateway: Gateway) -> None:
    """502."""
    gateway.stack.add_sidecar("gone", "gone", "http://127.0.0.1:1")
    gateway.joined("gone")
    answer = gateway.stack.http.get(gateway.stack.urls["gone"] + "/")
    assert (answer.status_code, answer.json()["reason"]) == (502, "upstream_refused")


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/strip/a/b?q=1", "/base/a/b?q=1"),
        ("/strip/a%2Fb?q=1", "/base/a%2Fb?q=1"),
        ("/strip?q=%2F", "/base?q=%2F"),
        ("/strip/../strip/a", "/base/a"),
    ],
)
def test_44_a_stripped_path_on_a_base(gateway: Gateway, path: str, sent: str) -> None:
    """What stands before ``**`` is replaced; ``%2F`` stays encoded."""
    assert gateway.ask(path).json()["path"] == sent


@pytest.mark.parametrize("path", ["/jwt", "/jwt-admin", "/managed", "/anonymous"])
def test_47_preflight(gateway: Gateway, path: str) -> None:
    """204 before any authentication, wherever ``cors`` stands in the file; and nothing for another origin."""
    asked = {"Origin": "https://app.shop.test", "Access-Control-Request-Method": "GET"}
    answer = gateway.ask(path, method="OPTIONS", **{name.replace("-", "_"): value for name, value in asked.items()})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.shop.test"
    refused = gateway.ask(path, Origin="https://app.shop.test") if path != "/anonymous" else answer
    assert refused.headers["access-control-allow-origin"] == "https://app.shop.test"
    stranger = gateway.ask(path, method="OPTIONS", Origin="https://evil.test", Access_Control_Request_Method="GET")
    assert "access-control-allow-origin" not in stranger.headers
