"""``control key`` and ``control issuer``, and what ``control explain`` can be told."""

from pathlib import Path

from control.testing.provider import KEYS, Provider

from .conftest import POLICY, Run


def test_key_verbs(control: Run, policy: Path) -> None:
    """A key alone on stdout, once; listed, changed, removed with a receipt."""
    policy.write_text(POLICY.replace("require: {scopes", "credentials: [api_key], require: {scopes"))
    assert control("push", str(policy)).code == 0
    made = control("key", "add", "--subject", "ci", "--name", "build", "--scope", "orders:read", "--expires", "90d")
    key = made.out.strip()
    assert key.startswith("sgk_")
    assert len(made.out.splitlines()) == 1
    assert "not shown again" in made.err
    assert "warning" not in made.err
    explained = control("explain", "orders", "GET", "/orders/7", "--token", key)
    assert "allowed" in explained.out
    listed = control("key", "list")
    assert "build" in listed.out
    assert "orders:read" in listed.out
    assert key not in listed.out
    assert control("key", "update", "build", "--no-scopes", "--never-expires").code == 0
    assert "expires  never" in control("key", "show", "build").out
    assert "insufficient_scope" in control("explain", "orders", "GET", "/orders/7", "--token", key).out
    removed = control("key", "remove", "build", "--wait")
    assert (removed.code, "build is removed" in removed.out) == (0, True)
    assert control("key", "show", "build").code == 1
    assert control("key", "remove", "build").code == 1


def test_keys_for_programs(control: Run, policy: Path) -> None:
    """One JSON document each; a mistake is exit 2."""
    control("push", str(policy))
    made = control("key", "add", "--subject", "ci", "-o", "json")
    assert made.json["key"].startswith("sgk_")
    assert "warning" in made.err
    assert control("key", "list", "-o", "json").json["api_keys"][-1]["subject"]
    assert control("key", "remove", made.json["id"], "-o", "json").json["kind"] == "keys"
    assert control("key", "add").code == 2
    assert control("key", "add", "--subject", "x", "--expires", "soon").code == 2
    assert control("key", "update", "x").code == 2
    assert control("key", "update", "x", "--expires", "1d", "--never-expires").code == 2


def test_issuer_verbs(control: Run, policy: Path) -> None:
    """Where keys come from and how fresh they are; a look that fails is exit 1 and a line of status."""
    with Provider() as provider:
        named = f"partner: {{issuer: {provider.issuer}, audience: [x], algorithms: [ES256], allow_http: true}}"
        policy.write_text(POLICY.replace("own: {builtin: true}", f"own: {{builtin: true}}\n  {named}"))
        assert control("push", str(policy)).code == 0
        listed = control("issuer", "list").out
        assert provider.issuer in listed
        assert "first" in listed
        assert "issuer partner" not in control("status").out
        provider.add("second")
        assert "second" in control("issuer", "refresh", "partner", "--wait").out
        assert control("keys", "revoke", "first", "--issuer", "partner").code == 0
        assert "first" not in control("issuer", "list").out
        provider.answers[KEYS] = (503, {}, b"")
        failed = control("issuer", "refresh", "partner")
        assert (failed.code, "answered 503" in failed.err) == (1, True)
        assert "issuer partner: obtained" not in control("status").out
        assert "answered 503" in control("status").out
        assert control("status", "-o", "json").json["issuers"][1]["failures"] >= 1  # control itself asks again, too
    assert control("issuer", "refresh", "own").code == 1


def test_explain_is_told_where_a_request_goes_and_comes_from(control: Run, policy: Path) -> None:
    """--host, --address and --header; each step is a line."""
    rules = "    deny: [{name: inside, addresses: [192.0.2.0/24]}]\n    routes:"
    policy.write_text(
        POLICY.replace("    routes:", rules).replace("{path: /public/**,", "{path: /public/**, hosts: [a.test],")
    )
    assert control("push", str(policy)).code == 0
    ask = ("explain", "orders", "GET", "/public/x")
    assert "allowed" in control(*ask, "--host", "a.test", "--address", "198.51.100.1").out
    assert "no_route" in control(*ask, "--host", "b.test").out
    denied = control(*ask, "--host", "a.test", "--address", "192.0.2.7").out
    assert "denied" in denied
    assert "inside" in denied
