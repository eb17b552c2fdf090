"""Authenticators and recovery codes (RFC 6238)."""

import base64
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from control.authority.at_rest import protect, stored_keys
from control.authority.master_key import MasterKey
from control.authority.vault import Vault
from control.errors import Conflict, NotFound
from control.identity.people import NotSignedIn, SignedIn, Throttled, WrongCode, WrongPassword
from control.identity.people.second_factors import STEP_S, totp
from control.identity.people.sign_in import TICKET_LIFETIME_S, TICKET_TRIES
from control.identity.people.throttle import CODE
from control.store.tables import RecoveryCodeRow, SecondFactorRow

from .rig import PASSWORD, Rig

FIRST, SECOND = MasterKey(bytes(range(32))), MasterKey(bytes(range(1, 33)))


@pytest.mark.parametrize(("at", "code"), [(59, "287082"), (1111111109, "081804"), (2000000000, "279037")])
def test_the_vectors_of_the_rfc(at: int, code: str) -> None:
    """RFC 6238 appendix B, of which six digits are shown."""
    assert totp(b"12345678901234567890", at // STEP_S).decode() == code


def test_enrolment_is_begun_and_confirmed(rig: Rig) -> None:
    """Until a first code was seen nothing is asked for; then there are recovery codes, and one factor at a time."""
    ann = rig.add()
    begun = rig.factors.begin(ann.id)
    rig.sign_in()
    again = rig.factors.begin(ann.id)
    assert begun.secret_base32 != again.secret_base32
    said = parse_qs(urlsplit(again.uri).query)
    assert again.uri.startswith("otpauth://totp/control.shop.test:ann?") and said["secret"] == [again.secret_base32]
    secret = base64.b32decode(again.secret_base32)
    with pytest.raises(WrongCode):
        rig.factors.confirm(ann.id, "000000" if rig.code(secret) != "000000" else "000001")
    codes = rig.factors.confirm(ann.id, rig.code(secret))
    assert len(set(codes)) == 10
    assert rig.users.get("ann").has_second_factor
    with pytest.raises(Conflict):
        rig.factors.begin(ann.id)
    with pytest.raises(WrongCode):
        rig.factors.confirm(ann.id, rig.code(secret, 1))


def test_a_code_after_the_password(rig: Rig) -> None:
    """With spaces as it is shown; how they signed in says so."""
    secret, _ = rig.enrol(rig.add().id)
    code = rig.code(secret)
    outcome = rig.second(rig.ticket(), f" {code[:3]} {code[3:]} ")
    assert isinstance(outcome, SignedIn) and outcome.amr == ("pwd", "otp", "mfa")


@pytest.mark.parametrize(("steps", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_be_a_step_apart(rig: Rig, steps: int, counts: bool) -> None:
    """RFC 6238 section 5.2."""
    secret, _ = rig.enrol(rig.add().id)
    rig.now += 10 * STEP_S
    assert isinstance(rig.second(rig.ticket(), rig.code(secret, steps)), SignedIn) == counts


def test_a_code_counts_once_and_no_older_one_after_it(rig: Rig) -> None:
    """Nor does the one of the enrolment."""
    ann = rig.add()
    secret = base64.b32decode(rig.factors.begin(ann.id).secret_base32)
    first = rig.code(secret)
    rig.factors.confirm(ann.id, first)
    assert rig.second(rig.ticket(), first) == NotSignedIn()
    rig.now += 5 * STEP_S
    code, before = rig.code(secret), rig.code(secret, -1)
    assert isinstance(rig.second(rig.ticket(), code), SignedIn)
    for replayed in (code, before):
        assert rig.second(rig.ticket(), replayed) == NotSignedIn()


def test_a_recovery_code_counts_once(rig: Rig) -> None:
    """However it is typed; the others stay good, and none is anybody else's."""
    secret, codes = rig.enrol(rig.add("ann").id)
    rig.enrol(rig.add("bob").id)
    assert isinstance(rig.second(rig.ticket(), codes[0].lower().replace("-", " ")), SignedIn)
    assert rig.second(rig.ticket(), codes[0]) == NotSignedIn()
    assert rig.second(rig.ticket("bob"), codes[1]) == NotSignedIn()
    assert isinstance(rig.second(rig.ticket(), codes[1]), SignedIn)
    rig.now += STEP_S
    assert isinstance(rig.second(rig.ticket(), rig.code(secret)), SignedIn)


def test_a_ticket_is_short_bounded_and_used_once(rig: Rig) -> None:
    """Five tries, five minutes, one sign-in; and it is no session."""
    secret, _ = rig.enrol(rig.add().id)
    spent = rig.ticket()
    for _ in range(TICKET_TRIES):
        assert rig.second(spent, "123") == NotSignedIn()
    assert rig.second(spent, rig.code(secret)) == NotSignedIn()
    late = rig.ticket()
    rig.now += TICKET_LIFETIME_S
    assert rig.second(late, rig.code(secret)) == NotSignedIn()
    used = rig.ticket()
    assert isinstance(rig.second(used, rig.code(secret)), SignedIn)
    rig.now += STEP_S
    assert rig.second(used, rig.code(secret)) == NotSignedIn()
    assert rig.sessions.find(used) is None


def test_codes_are_not_guessed(rig: Rig) -> None:
    """Over all tickets that a known password brings; time lifts it."""
    secret, _ = rig.enrol(rig.add().id)
    outcomes = [rig.second(rig.ticket(), "123") for _ in range(int(CODE.tries))]
    assert outcomes == [NotSignedIn()] * int(CODE.tries)
    assert isinstance(rig.second(rig.ticket(), rig.code(secret)), Throttled)
    rig.now += CODE.refill_s
    assert isinstance(rig.second(rig.ticket(), rig.code(secret)), SignedIn)


def test_a_ticket_ends_with_its_person(rig: Rig) -> None:
    """Turned off, or with another password: what was begun does not go on."""
    ann = rig.add()
    secret, _ = rig.enrol(ann.id)
    begun = rig.ticket()
    rig.passwords.reset(rig.passwords.link("ann", "op")[1], "marble kites whisper")
    assert rig.second(begun, rig.code(secret)) == NotSignedIn()


def test_it_is_removed_with_the_password_or_by_an_operator(rig: Rig) -> None:
    """And its recovery codes with it."""
    ann = rig.add()
    rig.enrol(ann.id)
    with pytest.raises(WrongPassword):
        rig.factors.remove(ann.id, "wrong")
    rig.factors.remove(ann.id, PASSWORD)
    rig.sign_in()
    rig.enrol(ann.id)
    assert not rig.factors.take_away("ann", "op").has_second_factor
    with pytest.raises(NotFound):
        rig.factors.take_away("ann", "op")
    with rig.database.read() as session:
        assert (session.query(RecoveryCodeRow).count(), session.query(SecondFactorRow).count()) == (0, 0)


def test_the_secret_is_encrypted_and_follows_the_master_key(tmp_path: Path) -> None:
    """Under the key that there is; without one it is plain, and found when there is one; bound to whose it is."""
    rig = Rig(tmp_path / "data", Vault(FIRST))
    ann = rig.add()
    secret, _ = rig.enrol(ann.id)
    protect(rig.database, Vault(SECOND, (FIRST,)), rig.now, "op")
    with rig.database.read() as session:
        kept = [key.blob for key in stored_keys(session) if key.kind == "second_factor"]
    assert len(kept) == 1 and base64.b32encode(secret) not in kept[0] and secret not in kept[0]
    rig.database.close()
    again = Rig(tmp_path / "data", Vault(SECOND))
    assert isinstance(again.second(again.ticket(), again.code(secret, 1)), SignedIn)
    again.database.close()
