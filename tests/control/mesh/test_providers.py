"""Outside issuers' keys over a real store: pushed when they change, kept when nobody answers, gone when they should."""

import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.errors import Invalid, NotFound
from control.issuers.provider import Known, Learned
from control.issuers.provider import Provider as Named
from control.mesh import open_mesh
from control.mesh.inputs import providers_of
from control.policy import load
from control.testing.provider import Provider
from sidecar.contract.snapshot import Issuer, decode

POLICY = """
trust_domain: shop.test
issuers:
  own: {builtin: true}
  partner: {issuer: https://issuer.test/, audience: [orders], algorithms: [ES256]}
  other: {issuer: https://other.test/, audience: [orders], algorithms: [ES256], jwks: {url: https://other.test/keys}}
services:
  orders: {issuers: [own, partner], routes: [{path: /**}]}
  stock: {issuers: [other], routes: [{path: /**}]}
"""
PARTNER = Named("https://issuer.test/")
OTHER = Named("https://other.test/", "https://other.test/keys")
GRACE_S = 60


class Rig:
    """A mesh on a clock that moves when it is told, and keys to learn."""

    def __init__(self, data: Path, provider: Provider) -> None:
        self.data, self.now, self.provider = data, 1_800_000_000.0, provider
        self.start()
        self.mesh.push(POLICY, {}, {}, "ann")

    def start(self) -> None:
        """As at the process's start."""
        self.mesh = open_mesh(self.data, "http://control.test", clock=lambda: self.now, key_grace_s=GRACE_S)

    def restart(self) -> None:
        """Stop, and start again."""
        self.mesh.close()
        self.start()

    def learn(self, *kids: str, fresh_s: int | None = None, etag: str = "") -> None:
        """The partner publishes the keys of these names; none: the same as before."""
        keys = tuple(key for key in self.provider.jwks()["keys"] if key["kid"] in kids)
        known = Known("https://issuer.test/keys", etag)
        self.mesh.providers.learned(PARTNER, Learned(keys if kids else None, known, fresh_s))

    def issuer(self, service: str = "orders", name: str = "partner") -> Issuer:
        """As that service's sidecar has it."""
        chain = self.mesh.chain_for(service)
        assert chain is not None
        return next(one for one in decode(chain.snapshot.payload).issuers if one.name == name)

    def kids(self) -> list[str]:
        """The partner's keys in force."""
        return [key["kid"] for key in self.issuer().keys]

    @property
    def versions(self) -> list[tuple[str, str]]:
        """Kind and note of each, oldest first."""
        return [(version.kind, version.note) for version in reversed(self.mesh.history())]


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Somebody with two keys."""
    with Provider() as made:
        made.add("second")
        yield made


@pytest.fixture
def rig(tmp_path: Path, provider: Provider) -> Iterator[Rig]:
    """A mesh with two outside issuers."""
    made = Rig(tmp_path / "data", provider)
    yield made
    made.mesh.close()


def test_keys_that_were_never_obtained_are_unknown(rig: Rig) -> None:
    """And due at once; of no other issuer is that said."""
    assert (rig.issuer().keys_known, rig.issuer().keys) == (False, ())
    assert rig.issuer().refreshable
    assert rig.issuer(name="own").keys_known
    assert {(one.provider, one.due_in_s) for one in rig.mesh.providers.wanted()} == {(PARTNER, 0), (OTHER, 0)}
    rig.mesh.providers.failed(OTHER, "is down")
    assert rig.versions == [("push", "")]


def test_what_was_learned_is_pushed_and_a_restart_keeps_it(rig: Rig) -> None:
    """One version for new keys, none for the same ones again, none at the restart."""
    rig.learn("first")
    assert rig.issuer().keys_known
    assert rig.kids() == ["first"]
    rig.learn("first")
    rig.learn()
    assert rig.versions == [("push", ""), ("keys", "partner: keys +first")]
    rig.restart()
    assert rig.kids() == ["first"]
    assert len(rig.versions) == 2
    assert not rig.issuer("stock", "other").keys_known


def test_a_dropped_key_leaves_after_its_grace(rig: Rig) -> None:
    """Through the store, so that a restart neither forgets nor prolongs it."""
    rig.learn("first")
    rig.learn("first", "second")
    rig.learn("second")
    assert rig.kids() == ["first", "second"]
    rig.now += GRACE_S - 1
    assert rig.mesh.providers.expire() == 1
    rig.restart()
    assert rig.kids() == ["first", "second"]
    rig.now += 1
    rig.mesh.providers.expire()
    assert rig.kids() == ["second"]
    assert rig.versions[-1] == ("keys", "partner: keys -first")


def test_an_outage_takes_nothing_away(rig: Rig) -> None:
    """Days of it; the operator sees since when and why."""
    rig.learn("first")
    for _ in range(50):
        rig.now += 3600
        rig.mesh.providers.failed(PARTNER, "cannot be connected to")
        rig.mesh.providers.expire()
    assert rig.kids() == ["first"]
    info = next(one for one in rig.mesh.providers.infos() if one.name == "partner")
    assert (info.keys_known, info.failures, info.error) == (True, 50, "cannot be connected to")
    assert info.fetched_at == 1_800_000_000
    rig.learn("first")
    assert next(one for one in rig.mesh.providers.infos() if one.name == "partner").error == ""


def test_when_each_is_due(rig: Rig) -> None:
    """As the provider says, within bounds; sooner if a sidecar met an unknown kid, but not at once after a look."""

    def due_in_s() -> float:
        return next(one.due_in_s for one in rig.mesh.providers.wanted() if one.provider == PARTNER)

    rig.learn("first", fresh_s=900)
    assert 720 <= due_in_s() <= 900
    heard: list[None] = []
    here = threading.get_ident()  # what the database tells comes in another thread, when it likes
    end = rig.mesh.providers.on_news(lambda: heard.append(None) if threading.get_ident() == here else None)
    rig.mesh.refresh_requested("partner", "stock")
    rig.mesh.refresh_requested("nobody", "orders")
    rig.mesh.refresh_requested("own", "orders")
    assert heard == []
    for _ in range(100):
        rig.mesh.refresh_requested("partner", "orders")
    assert len(heard) == 1
    assert due_in_s() == 10
    rig.now += 10
    assert due_in_s() == 0
    rig.learn()
    assert due_in_s() > 200
    end()


def test_a_revoked_key_never_counts_again(rig: Rig) -> None:
    """Not by the grace, and not although its provider goes on publishing it."""
    rig.learn("first", "second")
    rig.mesh.providers.revoke("partner", "first", "ann")
    assert rig.kids() == ["second"]
    rig.learn("first", "second")
    assert rig.kids() == ["second"]
    for issuer, kid, refusal in (
        ("partner", "first", NotFound),
        ("nobody", "first", NotFound),
        ("own", "first", Invalid),
    ):
        with pytest.raises(refusal):
            rig.mesh.providers.revoke(issuer, kid, "ann")
    assert rig.mesh.audit(1)[0].action == "provider.key.revoke"


def test_a_revoked_key_counts_nowhere(rig: Rig) -> None:
    """Not if the policy looks for the provider's keys in another place, nor if another provider publishes it, nor in
    another spelling."""
    rig.learn("first", "second")
    rig.mesh.providers.learned(OTHER, Learned(tuple(rig.provider.jwks()["keys"]), Known()))
    assert len(rig.issuer("stock", "other").keys) == 2
    rig.mesh.providers.revoke("partner", "first", "ann")
    assert [key["kid"] for key in rig.issuer("stock", "other").keys] == ["second"]
    place = "https://issuer.test/moved"
    rig.mesh.push(POLICY.replace("[ES256]}", f"[ES256], jwks: {{url: {place}}}}}", 1), {}, {}, "ann")
    moved = Named("https://issuer.test/", place)
    rig.mesh.providers.learned(moved, Learned(tuple(rig.provider.jwks()["keys"]), Known(place)))
    assert rig.kids() == ["second"]


def test_keys_that_a_push_waited_for_are_in_it(rig: Rig) -> None:
    """What is learned of a provider that no policy names yet is kept without a version."""
    policy = POLICY.replace("issuer.test", "new.test")
    new = Named("https://new.test/")
    assert new in providers_of(load(policy, {}, {}))
    assert rig.mesh.providers.known(new) is None
    rig.mesh.providers.learned(new, Learned(tuple(rig.provider.jwks()["keys"]), Known("https://new.test/keys")))
    assert len(rig.versions) == 1
    rig.mesh.push(policy, {}, {}, "ann")
    assert rig.kids() == ["first", "second"]


def test_keys_that_the_policys_algorithms_do_not_fit(rig: Rig) -> None:
    """No sidecar is sent what it would refuse, and the operator is told why the issuer has no keys."""
    rig.mesh.push(POLICY.replace("[orders], algorithms: [ES256]}", "[orders], algorithms: [RS256]}"), {}, {}, "ann")
    rig.learn("first")
    assert (rig.issuer().keys_known, rig.issuer().keys) == (False, ())
    info = next(one for one in rig.mesh.providers.infos() if one.name == "partner")
    assert (info.keys_known, info.error) == (False, "none of its keys is one for RS256")


def test_a_secret_that_is_missing_keeps_no_key_in_force(tmp_path: Path, provider: Provider) -> None:
    """A policy that cannot be compiled just now does not keep a leaked key alive."""
    environ = {"PARTNER": secrets.token_urlsafe(48)}
    text = POLICY.replace(
        "own: {builtin: true}",
        "own: {builtin: true}\n  hs: {issuer: https://hs.test/, "
        "audience: [x], algorithms: [HS256], jwks: {secret: {env: PARTNER}}}",
    )
    text = text.replace("[own, partner]", "[own, partner, hs]")
    mesh = open_mesh(tmp_path / "data", "http://control.test", secrets=environ.get)
    mesh.push(text, {}, {}, "ann")
    mesh.providers.learned(PARTNER, Learned(tuple(provider.jwks()["keys"]), Known()))
    environ.clear()
    mesh.providers.revoke("partner", "first", "ann")
    chain = mesh.chain_for("orders")
    assert chain is not None
    partner = next(one for one in decode(chain.snapshot.payload).issuers if one.name == "partner")
    assert [key["kid"] for key in partner.keys] == ["second"]
    mesh.close()
