"""How often secrets may be tried."""

from control.api.rate import CAPACITY, FAILURE, MAX_ADDRESSES, MAX_PROVEN, OVERALL, REFILL_PER_S, Attempts
from control.buckets import network_of


def test_guessing_meets_the_limit_and_time_lifts_it() -> None:
    """Twenty wrong tries are heard, the next is told when to come back, and then is heard again."""
    attempts, tries = Attempts(0.0), 0
    while attempts.begin("192.0.2.1", 0.0) == 0:
        attempts.failed("192.0.2.1", 0.0)
        tries += 1
    assert tries == CAPACITY / FAILURE
    wait_s = attempts.begin("192.0.2.1", 0.0)
    assert 0 < wait_s <= 1
    assert attempts.begin("192.0.2.1", wait_s) == 0


def test_one_address_does_not_lock_out_another() -> None:
    """Someone who guesses spoils it for nobody else."""
    attempts = Attempts(0.0)
    for _ in range(1000):
        if attempts.begin("192.0.2.1", 0.0) == 0:
            attempts.failed("192.0.2.1", 0.0)
    assert attempts.begin("192.0.2.2", 0.0) == 0


def test_whoever_knows_the_secret_hardly_meets_the_limit() -> None:
    """A hundred right tries a second go on for ever."""
    attempts = Attempts(0.0)
    assert all(attempts.begin("192.0.2.1", n / REFILL_PER_S) == 0 for n in range(5000))


def _guess_from_everywhere(attempts: Attempts) -> int:
    """Two tries each from very many addresses; how many were heard."""
    heard = 0
    for n in 2 * list(range(OVERALL * int(CAPACITY / FAILURE))):
        address = f"10.0.{n // 250}.{n % 250}"
        if attempts.begin(address, 0.0) == 0:
            attempts.failed(address, 0.0)
            heard += 1
    return heard


def test_guessing_from_many_addresses_meets_the_limit_for_all() -> None:
    """A botnet is bounded as one."""
    assert _guess_from_everywhere(Attempts(0.0)) == OVERALL * CAPACITY / FAILURE


def test_a_botnet_does_not_lock_out_who_never_failed() -> None:
    """Neither the operator nor an application waits because strangers guess; who failed lately waits with them."""
    attempts = Attempts(0.0)
    attempts.failed("192.0.2.2", 0.0)
    _guess_from_everywhere(attempts)
    assert attempts.begin("192.0.2.1", 0.0) == 0
    assert attempts.begin("192.0.2.2", 0.0) > 0


def test_what_was_right_lately_is_not_locked_out() -> None:
    """Beside someone who guesses behind the same address; elsewhere, and once it was wrong, it waits like others."""
    attempts = Attempts(0.0)
    attempts.succeeded("2001:db8::1", b"right")
    while attempts.begin("2001:db8::2", 0.0, b"wrong") == 0:
        attempts.failed("2001:db8::2", 0.0, b"wrong")
    assert attempts.begin("2001:db8::1", 0.0, b"right") == 0
    assert attempts.begin("2001:db8::1", 0.0, b"right2") > 0
    attempts.failed("2001:db8::1", 0.0, b"right")
    assert attempts.begin("2001:db8::1", 0.0, b"right") > 0


def test_what_was_right_is_remembered_within_bounds() -> None:
    """The oldest is forgotten, and only its place in the queue with it."""
    attempts = Attempts(0.0)
    for n in range(MAX_PROVEN + 50):
        attempts.succeeded("192.0.2.1", str(n).encode())
    assert len(attempts._proven) == MAX_PROVEN


def test_memory_is_bounded() -> None:
    """A flood of addresses is forgotten, oldest first."""
    attempts = Attempts(0.0)
    for n in range(MAX_ADDRESSES + 50):
        attempts.begin(f"10.{n // 65536}.{n // 256 % 256}.{n % 256}", float(n))
    assert len(attempts._by_address) == MAX_ADDRESSES


def test_what_counts_as_one_place() -> None:
    """An IPv6 customer has a /64, a mapped address is its IPv4 self, and a unix socket is local."""
    assert network_of("2001:db8::1") == network_of("2001:db8::2%eth0") == "2001:db8::/64"
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1")
    assert network_of("") == network_of("nonsense") == "local"
