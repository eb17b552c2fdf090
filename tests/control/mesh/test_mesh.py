"""A mesh over a real store: every change whole, numbered, signed and audited; a restart changes nothing."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import Engine, event

from control.authority.lifecycle import ACTIVATE_AFTER_S, RETIRE_AFTER_S
from control.errors import Conflict, Invalid, NotFound
from control.mesh import Mesh, open_mesh
from control.policy import PolicyErrors
from sidecar.contract.envelope import open_sealed
from sidecar.contract.increment import extended, open_increments
from sidecar.contract.snapshot import Snapshot, decode

POLICY = """
trust_domain: shop.test
issuers:
  own: {builtin: true}
  partner: {issuer: https://issuer.test/, audience: [orders], algorithms: [HS256], jwks: {secret: {env: PARTNER}}}
services:
  orders:
    routes:
      - {path: /public/**, access: public}
      - {path: /**, require: {scopes: [orders:read]}}
  stock:
    routes:
      - {path: /**}
"""
OTHER = POLICY.replace("[orders:read]", "[orders:write]")
SECRET = "9fK2vQx7LmT4cZ8wRb1nYd6sHj3gPa5e"


class Rig:
    """A mesh that can be stopped and started, on a clock that moves when it is told."""

    def __init__(self, data: Path) -> None:
        self.data, self.now = data, 1_800_000_000.0
        self.environ = {"PARTNER": SECRET}
        self.mesh = self.start()

    def start(self, public_url: str = "http://control.test/") -> Mesh:
        """As at the process's start."""
        self.mesh = open_mesh(self.data, public_url, secrets=self.environ.get, clock=lambda: self.now)
        return self.mesh

    def restart(self, **settings: str) -> Mesh:
        """Stop, and start again."""
        self.mesh.close()
        return self.start(**settings)

    def push(self, source: str = POLICY, **options: Any) -> int:
        """The version that came of it."""
        return self.mesh.push(source, {}, {}, "ann", **options).version

    def snapshot(self, service: str = "orders") -> Snapshot:
        """What that service's sidecar would get, its signature checked."""
        chain, key = self.mesh.chain_for(service), self.mesh.signing_public_key
        assert chain is not None
        return extended(decode(open_sealed(chain.snapshot, key)), open_increments(chain.increments, key), self.now)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh mesh."""
    made = Rig(tmp_path / "data")
    yield made
    made.mesh.close()


def test_nothing_is_pushed_before_a_policy(rig: Rig) -> None:
    """No version, no snapshot, nothing to explain."""
    assert rig.mesh.current() is None
    assert rig.mesh.chain_for("orders") is None
    with pytest.raises(NotFound):
        rig.mesh.policy()
    with pytest.raises(NotFound):
        rig.mesh.explain("orders", "GET", "/")
    with pytest.raises(NotFound):
        rig.mesh.revoke("jti", "x", "ann")


def test_a_push_makes_a_version_and_every_services_snapshot(rig: Rig) -> None:
    """Signed, for that service, with the built-in issuer's keys and URL."""
    assert rig.push(note="first") == 1
    snapshot = rig.snapshot("orders")
    assert (snapshot.service, snapshot.version, snapshot.trust_domain) == ("orders", 1, "shop.test")
    own = next(issuer for issuer in snapshot.issuers if issuer.name == "own")
    assert own.issuer == "http://control.test"
    assert own.audiences == ("https://orders.shop.test",)
    keys = rig.mesh.keys()
    assert [key["kid"] for key in own.keys] == [key.kid for key in keys]
    assert rig.snapshot("stock").routes[0].path == "/**"
    assert [(v.kind, v.note, v.actor) for v in rig.mesh.history()] == [("push", "first", "ann")]


def test_the_policy_is_kept_verbatim(rig: Rig) -> None:
    """Text, files and variables, as they were pushed."""
    rig.mesh.push(POLICY, {"a.json": "{}"}, {"NAME": "value"}, "ann")
    stored = rig.mesh.policy()
    assert (stored.source, stored.files, stored.env) == (POLICY, {"a.json": "{}"}, {"NAME": "value"})
    assert (stored.version, stored.author) == (1, "ann")
    assert "value" not in repr(stored)


def test_a_bad_policy_changes_nothing(rig: Rig) -> None:
    """Neither one that does not parse, nor one whose secret is missing, nor one that fails its own tests."""
    rig.push()
    failing = POLICY + "tests: [{service: stock, request: {method: GET, path: /}, expect: allow}]\n"
    for source in ("services: [", POLICY.replace("PARTNER", "MISSING"), failing):
        with pytest.raises(PolicyErrors):
            rig.push(source)
    assert len(rig.mesh.history()) == 1
    assert rig.mesh.policy().source == POLICY


def test_a_push_on_an_old_version_is_a_conflict(rig: Rig) -> None:
    """Whoever read version 1 does not overwrite version 2 unseen."""
    assert rig.push(expected_version=0) == 1
    assert rig.push(expected_version=1) == 2
    for stale in (0, 1, 3):
        with pytest.raises(Conflict):
            rig.push(expected_version=stale)


def test_rollback_is_a_new_version_of_an_old_policy(rig: Rig) -> None:
    """The number goes on; what is enforced goes back."""
    rig.push()
    before = rig.snapshot().routes
    rig.push(OTHER)
    assert rig.snapshot().routes != before
    assert rig.mesh.rollback(1, "bob").version == 3
    assert rig.snapshot().routes == before
    assert [v.kind for v in rig.mesh.history()] == ["rollback", "push", "push"]
    assert rig.mesh.policy().source == POLICY
    for unknown in (0, -1, 99, 2**70):
        with pytest.raises(NotFound):
            rig.mesh.rollback(unknown, "bob")


def test_history_can_be_paged(rig: Rig) -> None:
    """Newest first, and what is older than a version."""
    for _ in range(4):
        rig.push()
    assert [v.version for v in rig.mesh.history(2)] == [4, 3]
    assert [v.version for v in rig.mesh.history(2, before=3)] == [2, 1]


def test_pushes_from_many_threads_all_count(rig: Rig) -> None:
    """No number twice, no push lost, and of those that expect one version only one wins."""
    rig.push()
    made: list[int] = []
    conflicts: list[Conflict] = []

    def push_some(expected: int | None) -> None:
        for _ in range(3):
            try:
                made.append(rig.push(expected_version=expected))
            except Conflict as error:
                conflicts.append(error)

    threads = [threading.Thread(target=push_some, args=(1 if n % 2 else None,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == list(range(2, len(made) + 2))
    assert len(made) + len(conflicts) == 18
    assert len(conflicts) in (8, 9)
    assert rig.snapshot().version == rig.mesh.history()[0].version == max(made)


def test_a_restart_serves_the_very_same_bytes(rig: Rig) -> None:
    """And makes no version, however much later it is."""
    rig.push()
    rig.mesh.revoke("jti", "abc", "ann")
    kept = [rig.mesh.chain_for(name) for name in ("orders", "stock", "new")]
    rig.now += 400 * 86_400
    rig.restart()
    assert [rig.mesh.chain_for(name) for name in ("orders", "stock", "new")] == kept
    assert len(rig.mesh.history()) == 2


def test_a_restart_with_another_secret_is_a_version(rig: Rig) -> None:
    """What is resolved in control's environment is compiled anew."""
    rig.push()
    before = rig.snapshot()
    rig.environ["PARTNER"] = SECRET[::-1]
    rig.restart()
    assert [v.kind for v in rig.mesh.history()] == ["inputs", "push"]
    assert rig.snapshot().issuers != before.issuers
    rig.restart(public_url="https://elsewhere.test")
    assert rig.snapshot().version == 3


def test_a_lost_secret_does_not_block_a_revocation(rig: Rig) -> None:
    """The policy cannot be compiled any more, and a token must go all the same: the rest is carried over."""
    rig.push()
    before = rig.snapshot()
    rig.environ.clear()
    made = rig.mesh.revoke("jti", "stolen", "ann", issuer="partner")
    after = rig.snapshot()
    assert after.version == made.version
    assert [revocation.value for revocation in after.revocations] == ["stolen"]
    assert (after.routes, after.issuers) == (before.routes, before.issuers)
    old_keys = before.issuers[0].keys
    rig.mesh.rotate_keys("ann")
    assert rig.snapshot().issuers[0].keys != old_keys
    with pytest.raises(PolicyErrors):
        rig.push()


def test_a_restart_without_the_secret_takes_nothing_away(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """The stored snapshots stay in force, and the log says why."""
    rig.push()
    kept = rig.mesh.chain_for("orders")
    rig.environ.clear()
    rig.restart()
    assert rig.mesh.chain_for("orders") == kept
    assert "PARTNER" in caplog.text
    assert SECRET not in caplog.text


def test_a_service_that_the_policy_does_not_know_gets_no_routes(rig: Rig) -> None:
    """Everything is 404 there; and from the next version on it is compiled with the others."""
    rig.push()
    assert rig.snapshot("new").routes == ()
    rig.mesh.create_join_token("invited", "ann")
    rig.push()
    assert rig.snapshot("invited").version == 2


def test_old_snapshots_are_dropped_and_old_policies_stay(rig: Rig) -> None:
    """What is stored does not grow with every version; going back goes as far as ever."""
    rig.push()
    for number in range(25):
        rig.mesh.revoke("jti", f"token-{number}", "ann")
    assert rig.mesh.rollback(1, "ann").version == 27
    assert rig.snapshot().version == 27


def test_listeners_hear_of_each_version_after_it_is_there(rig: Rig) -> None:
    """And not of what failed, nor after they have left."""
    heard: list[tuple[int, int]] = []
    leave = rig.mesh.subscribe(lambda version: heard.append((version, rig.snapshot().version)))
    rig.push()
    with pytest.raises(PolicyErrors):
        rig.push("nonsense")
    rig.mesh.revoke("jti", "abc", "ann")
    leave()
    rig.push()
    assert list(dict.fromkeys(heard)) == [(1, 1), (2, 2)]  # also twice, where there is a store that tells


def test_every_change_is_audited(rig: Rig) -> None:
    """Who, what; without what is secret."""
    rig.push()
    rig.mesh.rollback(1, "bob")
    rig.mesh.revoke("subject", "eve", "cid")
    rig.mesh.rotate_keys("dan")
    app, secret = rig.mesh.applications.create("web", "eva")
    token = rig.mesh.issue("web", "fay")
    entries = rig.mesh.audit()
    assert [(e.actor, e.action) for e in reversed(entries)] == [
        ("system", "key.create"),
        ("ann", "push"),
        ("bob", "rollback"),
        ("cid", "revocation"),
        ("dan", "key.prepare"),
        ("eva", "application.create"),
        ("fay", "token.issue"),
    ]
    shown = repr(entries)
    assert secret not in shown
    assert token.access_token not in shown
    assert app.client_id in shown


def test_explain_decides_as_the_sidecar_does(rig: Rig) -> None:
    """Anonymous, with a token of control's own, and with one that was revoked."""
    rig.push()
    rig.mesh.applications.create("web", "ann", scopes=["orders:read"])
    token = rig.mesh.issue("web", "ann").access_token
    assert rig.mesh.explain("orders", "GET", "/public/x").decision.allowed
    assert not rig.mesh.explain("orders", "GET", "/orders/7").decision.allowed
    explained = rig.mesh.explain("orders", "GET", "/orders/7", token)
    assert explained.decision.allowed
    assert explained.steps
    rig.mesh.revoke("client", "web", "ann")
    again = rig.mesh.explain("orders", "GET", "/orders/7", token)
    assert (again.version, again.decision.allowed) == (2, False)


def test_revocations_reach_the_snapshot_and_leave_it(rig: Rig) -> None:
    """Kept for as long as a token that they name can live."""
    rig.push()
    rig.mesh.revoke("jti", "abc", "ann")
    rig.mesh.revoke("subject", "eve", "ann", before=int(rig.now) - 100)
    rig.mesh.revoke("jti", "def", "ann", issuer="partner")
    told = {(r.issuer, r.by, r.value): (r.before, r.until) for r in rig.snapshot().revocations}
    until = int(rig.now) + RETIRE_AFTER_S
    assert told == {
        ("own", "jti", "abc"): (2**53 - 1, until),
        ("own", "subject", "eve"): (int(rig.now) - 100, until),
        ("partner", "jti", "def"): (2**53 - 1, 0),
    }
    rig.now = until + 1
    rig.push()
    assert [(r.issuer, r.value) for r in rig.snapshot().revocations] == [("partner", "def")]
    assert [(r.issuer, r.value) for r in rig.mesh.revocations()] == [("partner", "def")]


def test_revoking_the_same_again_does_not_grow_the_list(rig: Rig) -> None:
    """The newer entry says all that the older one did."""
    rig.push()
    for _ in range(3):
        rig.now += 10
        rig.mesh.revoke("issuer", "", "ann")
    assert [r.before for r in rig.mesh.revocations()] == [int(rig.now)]


@pytest.mark.parametrize(
    ("by", "value"), [("name", "x"), ("jti", ""), ("issuer", "x"), ("jti", "x" * 501), ("subject", "a\ud800")]
)
def test_what_names_no_token_cannot_be_revoked(rig: Rig, by: str, value: str) -> None:
    """And nothing is changed by trying."""
    rig.push()
    with pytest.raises(Invalid):
        rig.mesh.revoke(by, value, "ann")
    with pytest.raises(NotFound):
        rig.mesh.revoke("jti", "x", "ann", issuer="nobody")
    assert len(rig.mesh.history()) == 1


def states(rig: Rig) -> list[str]:
    """Of the keys, oldest first."""
    keys = rig.mesh.keys()
    return [key.state for key in keys]


def signing_kid(rig: Rig) -> str:
    """Which key signs now."""
    kid: str = jwt.get_unverified_header(rig.mesh.issue("web", "ann").access_token)["kid"]
    return kid


def test_a_rotation_from_end_to_end(rig: Rig) -> None:
    """Published before it signs; trusted for as long as its last token lives."""
    rig.push()
    rig.mesh.applications.create("web", "ann", scopes=["orders:read"])
    old = signing_kid(rig)
    assert rig.mesh.rotate_keys("ann", "EdDSA").version == 2
    with pytest.raises(Conflict):
        rig.mesh.rotate_keys("ann")
    assert (states(rig), signing_kid(rig)) == (["active", "prepared"], old)
    assert rig.mesh.advance_keys(1) == []
    assert rig.mesh.advance_keys(None) == []
    assert states(rig) == ["active", "prepared"]
    assert rig.mesh.advance_keys(2) == []
    assert states(rig) == ["retiring", "active"]
    assert signing_kid(rig) != old
    assert rig.snapshot().version == 2
    assert len(rig.snapshot("stock").issuers[0].keys) == 2
    rig.now += RETIRE_AFTER_S
    assert [v.version for v in rig.mesh.advance_keys(2)] == [3]
    assert states(rig) == ["active"]
    assert [key["alg"] for key in rig.mesh.jwks()["keys"]] == ["EdDSA"]


def test_a_rotation_does_not_wait_forever(rig: Rig) -> None:
    """A sidecar that never acknowledges holds it up for a minute."""
    rig.push()
    rig.mesh.rotate_keys("ann")
    rig.now += ACTIVATE_AFTER_S
    rig.mesh.advance_keys(1)
    assert states(rig) == ["retiring", "active"]


def test_a_revoked_key_is_gone_at_once_and_another_signs(rig: Rig) -> None:
    """Its tokens are refused from the next snapshot on, and new ones are good."""
    rig.push()
    rig.mesh.applications.create("web", "ann", scopes=["orders:read"])
    stolen = rig.mesh.issue("web", "ann").access_token
    kid = signing_kid(rig)
    rig.mesh.revoke_key(kid, "ann")
    assert states(rig) == ["revoked", "active"]
    assert kid not in [key["kid"] for key in rig.mesh.jwks()["keys"]]
    assert not rig.mesh.explain("orders", "GET", "/x", stolen).decision.allowed
    assert rig.mesh.explain("orders", "GET", "/x", rig.mesh.issue("web", "ann").access_token).decision.allowed


def test_tokens_by_request_and_by_operator(rig: Rig) -> None:
    """The endpoint is wired to the policy in force, and an operator names services."""
    rig.push()
    app, secret = rig.mesh.applications.create("web", "ann", scopes=["orders:read"])
    body = f"grant_type=client_credentials&client_id={app.client_id}&client_secret={secret}".encode()
    status, _, answer = rig.mesh.issuer.token("POST", {"content-type": "application/x-www-form-urlencoded"}, body)
    assert status == 200
    assert secret.encode() not in answer
    assert rig.mesh.issue("web", "ann", services=["stock"]).audience == ["https://stock.shop.test"]
    with pytest.raises(Invalid):
        rig.mesh.issue("web", "ann", services=["elsewhere"])


def test_a_token_takes_four_queries(rig: Rig) -> None:
    """The registration, the application with its secrets, the policy in force and the key in use: each asked anew."""
    rig.push()
    app, secret = rig.mesh.applications.create("web", "ann", scopes=["orders:read"])
    body = f"grant_type=client_credentials&client_id={app.client_id}&client_secret={secret}".encode()
    rig.mesh.issuer.token("POST", {"content-type": "application/x-www-form-urlencoded"}, body)
    asked, thread = list[str](), threading.get_ident()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if threading.get_ident() == thread and "SELECT" in statement:
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        status, _, _ = rig.mesh.issuer.token("POST", {"content-type": "application/x-www-form-urlencoded"}, body)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert (status, len(asked)) == (200, 4)


def test_metadata_points_at_control(rig: Rig) -> None:
    """Without the slash that the setting ended in."""
    assert rig.mesh.metadata(lambda _: True)["token_endpoint"] == "http://control.test/oauth2/token"
