"""How a sidecar joins and is known again: every way in, and every way in that is none."""

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from control.errors import ControlError, Denied, Invalid, NotFound
from control.mesh import Enrolled, Mesh, Sidecar, open_mesh
from sidecar.contract.join import parse_join_token
from sidecar.contract.messages import Join

POLICY = "trust_domain: shop.test\nissuers: {own: {builtin: true}}\nservices: {orders: {routes: [{path: /**}]}}\n"
DAY = 86_400


class Rig:
    """A mesh on a clock that moves when it is told."""

    def __init__(self, data: Path) -> None:
        self.now = 1_800_000_000.0
        self.mesh: Mesh = open_mesh(data, "http://control.test", clock=lambda: self.now)

    def token(self, service: str = "orders", uses: int = 1, lifetime_s: int = 3600) -> Join:
        """A join token, as the sidecar reads it."""
        parsed = parse_join_token(self.mesh.create_join_token(service, "ann", uses=uses, lifetime_s=lifetime_s)[1])
        assert (parsed.service, parsed.ca_der) == (service, self.mesh.ca_der)
        return Join(parsed.token_id, parsed.secret)

    def join(self, join: Join | None = None, service: str = "orders") -> Enrolled:
        """A sidecar that joins."""
        return self.mesh.enrol(join or self.token(service), service, "orders-1", csr(), "127.0.0.1:4000")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A fresh mesh."""
    made = Rig(tmp_path / "data")
    yield made
    made.mesh.close()


def csr() -> bytes:
    """A fresh key's certificate request."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()).public_bytes(Encoding.DER)


def refused(error: pytest.ExceptionInfo[ControlError]) -> str:
    """The stable code."""
    return error.value.code


def known(mesh: Mesh, certificate: bytes, service: str, *, renewing: bool = False) -> Sidecar:
    """Whose certificate it is; Denied."""
    (found,) = mesh.authenticate([(certificate, service, renewing)])
    if isinstance(found, Denied):
        raise found
    return found


def test_a_sidecar_joins_and_is_known_again(rig: Rig) -> None:
    """Its certificate names its service in the mesh's trust domain, and who it is is in the store."""
    rig.mesh.push(POLICY, {}, {}, "ann")
    enrolled = rig.join()
    names = x509.load_der_x509_certificate(enrolled.certificate).extensions
    uri = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(uri) == [x509.UniformResourceIdentifier("spiffe://shop.test/orders")]
    rig.now += 60
    found = known(rig.mesh, enrolled.certificate, "orders")
    assert (found.id, found.instance) == (enrolled.sidecar.id, "orders-1")
    assert rig.mesh.sidecars() == [found]
    assert rig.mesh.revoked() == []


def test_a_sidecar_may_join_before_there_is_a_policy(rig: Rig) -> None:
    """In any order; there is nothing to push to it yet."""
    assert rig.join().sidecar.service == "orders"
    assert rig.mesh.chain_for("orders") is None


def test_a_join_token_is_good_for_its_number_of_joins(rig: Rig) -> None:
    """Replicas share one; each is a sidecar of its own."""
    join = rig.token(uses=2)
    assert rig.join(join).sidecar.id != rig.join(join).sidecar.id
    with pytest.raises(Denied) as error:
        rig.join(join)
    assert refused(error) == "bad_join_token"
    assert [(t.uses_left, t.revoked) for t in rig.mesh.join_tokens()] == [(0, False)]


def test_a_join_whose_answer_was_lost_counts_once(rig: Rig) -> None:
    """The same key comes again with the same token: the same sidecar, one use; a key that merely looks on is none."""
    join, request = rig.token(), csr()
    first = rig.mesh.enrol(join, "orders", "orders-1", request, "127.0.0.1:4000")
    again = rig.mesh.enrol(join, "orders", "orders-1", request, "127.0.0.1:4001")
    assert again.sidecar.id == first.sidecar.id
    assert known(rig.mesh, again.certificate, "orders").id == first.sidecar.id
    assert [(t.uses_left, t.revoked) for t in rig.mesh.join_tokens()] == [(0, False)]
    assert len(rig.mesh.sidecars()) == 1
    with pytest.raises(Denied):
        rig.join(join)
    rig.mesh.revoke_sidecar(first.sidecar.id, "ann")
    with pytest.raises(Denied):  # taken out, it is not let in again by its old join
        rig.mesh.enrol(join, "orders", "orders-1", request, "127.0.0.1:4002")


def test_sidecars_that_join_at_once_do_not_share_a_use(rig: Rig) -> None:
    """Eight at the door with a token for three: three come in."""
    join, inside, outside = rig.token(uses=3), list[Enrolled](), list[Denied]()

    def knock() -> None:
        try:
            inside.append(rig.join(join))
        except Denied as error:
            outside.append(error)

    threads = [threading.Thread(target=knock) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(inside), len(outside)) == (3, 5)


def test_a_join_token_that_does_not_open(rig: Rig) -> None:
    """Another secret, another id, another service, revoked, expired."""
    join = rig.token(lifetime_s=10)
    attempts = [
        (Join(join.token_id, b"\0" * 32), "orders"),
        (Join(join.token_id, b""), "orders"),
        (Join("nothing", join.secret), "orders"),
        (Join("x" * 10_000, join.secret), "orders"),
        (join, "stock"),
    ]
    for attempt, service in attempts:
        with pytest.raises(Denied) as error:
            rig.join(attempt, service)
        assert refused(error) == "bad_join_token"
    rig.now += 10
    with pytest.raises(Denied, match="expired"):
        rig.join(join)
    rig.now -= 10
    rig.mesh.revoke_join_token(join.token_id, "ann")
    with pytest.raises(Denied, match="revoked"):
        rig.join(join)
    assert rig.mesh.sidecars() == []


def test_a_bad_request_does_not_use_the_token_up(rig: Rig) -> None:
    """The join is counted when the sidecar is in."""
    join = rig.token()
    with pytest.raises(Denied) as error:
        rig.mesh.enrol(join, "orders", "orders-1", b"nonsense", "")
    assert refused(error) == "bad_csr"
    assert rig.join(join).sidecar.service == "orders"


def test_a_certificate_of_another_mesh_is_unknown(rig: Rig, tmp_path: Path) -> None:
    """And so are bytes that are none."""
    other = Rig(tmp_path / "other")
    theirs = other.join().certificate
    other.mesh.close()
    for certificate in (theirs, b"", b"nonsense"):
        with pytest.raises(Denied) as error:
            known(rig.mesh, certificate, "orders")
        assert refused(error) == "unknown_certificate"


def test_a_sidecar_speaks_for_its_own_service(rig: Rig) -> None:
    """Whatever its hello says."""
    with pytest.raises(Denied) as error:
        known(rig.mesh, rig.join().certificate, "stock")
    assert refused(error) == "wrong_service"


def test_a_sidecar_that_was_taken_out_stays_out(rig: Rig) -> None:
    """Neither its certificate nor a renewal helps; listeners are told, so that it is disconnected."""
    enrolled, heard = rig.join(), list[int]()
    rig.mesh.subscribe(heard.append)
    rig.mesh.revoke_sidecar(enrolled.sidecar.id, "ann")
    assert set(heard) == {0}
    assert rig.mesh.revoked() == [enrolled.sidecar.id]
    with pytest.raises(Denied) as error:
        known(rig.mesh, enrolled.certificate, "orders")
    assert refused(error) == "revoked"
    with pytest.raises(Denied) as error:
        rig.mesh.renew(enrolled.sidecar.id, csr())
    assert refused(error) == "revoked"


def test_which_join_token_one_that_was_taken_out_knows_is_told(rig: Rig) -> None:
    """It is good for others still, and for it under another key; revoking it, too, shuts it out."""
    shared = rig.token(uses=10)
    stays, goes = rig.join(shared), rig.join(shared)
    rig.mesh.revoke_sidecar(goes.sidecar.id, "ann")
    (entry,) = rig.mesh.audit(1, action="sidecar.revoke")
    rig.mesh.revoke_join_token(entry.detail["join_token"], "ann")
    with pytest.raises(Denied, match="the join token was revoked"):
        rig.join(shared)
    assert known(rig.mesh, stays.certificate, "orders").id == stays.sidecar.id


def test_renewal_gives_a_new_certificate_to_the_same_sidecar(rig: Rig) -> None:
    """Both are good until the old one expires, so that a renewal that is lost on the way does no harm."""
    first = rig.join()
    rig.now += 4 * DAY
    second = rig.mesh.renew(first.sidecar.id, csr())
    assert second.sidecar.id == first.sidecar.id
    assert second.sidecar.serial != first.sidecar.serial
    assert second.sidecar.not_after == int(rig.now) + 7 * DAY
    for certificate in (first.certificate, second.certificate):
        assert known(rig.mesh, certificate, "orders").id == first.sidecar.id


def test_an_expired_certificate_is_good_for_renewal_for_a_month(rig: Rig) -> None:
    """A long outage needs no hand; a very long one does."""
    enrolled = rig.join()
    rig.now += 8 * DAY
    with pytest.raises(Denied) as error:
        known(rig.mesh, enrolled.certificate, "orders")
    assert refused(error) == "expired"
    assert known(rig.mesh, enrolled.certificate, "orders", renewing=True).id == enrolled.sidecar.id
    rig.now += 30 * DAY
    with pytest.raises(Denied) as error:
        known(rig.mesh, enrolled.certificate, "orders", renewing=True)
    assert refused(error) == "expired"


def test_last_seen_is_kept(rig: Rig) -> None:
    """And noting it of a sidecar that is unknown is no error."""
    enrolled = rig.join()
    rig.now += 5
    rig.mesh.seen([(enrolled.sidecar.id, "10.0.0.1:1", rig.now), ("unknown", "10.0.0.1:1", rig.now)])
    rig.mesh.seen([(enrolled.sidecar.id, "10.0.0.2:1", rig.now - 3)])  # noted later, by who was slower
    assert [(s.last_seen, s.address) for s in rig.mesh.sidecars()] == [(int(rig.now), "10.0.0.1:1")]


def test_joining_is_audited_without_the_secret(rig: Rig) -> None:
    """Who made the token, who came in by it, who was taken out."""
    join = rig.token()
    enrolled = rig.join(join)
    rig.mesh.revoke_join_token(join.token_id, "bob")
    rig.mesh.revoke_sidecar(enrolled.sidecar.id, "bob")
    entries = rig.mesh.audit(4)
    assert [(e.actor, e.action) for e in reversed(entries)] == [
        ("ann", "join_token.create"),
        (f"join_token:{join.token_id}", "sidecar.join"),
        ("bob", "join_token.revoke"),
        ("bob", "sidecar.revoke"),
    ]
    assert join.secret.hex() not in repr(entries)


def test_join_tokens_that_cannot_be_meant(rig: Rig) -> None:
    """No name, no joins, no time; and none to revoke."""
    for service, uses, lifetime_s in (("", 1, 60), ("a/b", 1, 60), ("a", 0, 60), ("a", 1, 0), ("a", 1, 31 * DAY)):
        with pytest.raises(Invalid):
            rig.mesh.create_join_token(service, "ann", uses=uses, lifetime_s=lifetime_s)
    with pytest.raises(NotFound):
        rig.mesh.revoke_join_token("nothing", "ann")
    with pytest.raises(NotFound):
        rig.mesh.revoke_sidecar("nothing", "ann")


def test_the_push_sockets_context_is_one(tmp_path: Path) -> None:
    """The same context each time, so that renewing its certificate in passing reaches the listener."""
    rig = Rig(tmp_path / "data")
    rig.now = dt.datetime.now(dt.UTC).timestamp()
    context = rig.mesh.server_context()
    rig.now += 46 * DAY
    rig.mesh.advance_keys(None)
    assert rig.mesh.server_context() is context
    rig.mesh.close()
