"""A second factor: an authenticator's codes (TOTP, RFC 6238), and recovery codes for when it is lost."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator is to be given; ``uri``: ``otpauth://totp/...``, for a QR code."""

    secret_base32: str = field(repr=False)
    uri: str = field(repr=False)


class SecondFactors:
    """Thread-safe and blocking: ``remove`` is to be called with ``mesh.people.hashing`` as limiter."""

    def begin(self, person_id: str) -> Enrolment:
        """A new secret, which counts once ``confirm`` has seen a code of it; Conflict if they have one that counts."""
        raise NotImplementedError

    def confirm(self, person_id: str, code: str) -> tuple[str, ...]:
        """From now on it is asked for: recovery codes, shown this once. WrongCode, TooManyTries."""
        raise NotImplementedError

    def remove(self, person_id: str, password: str) -> None:
        """It is asked for no more: WrongPassword, TooManyTries."""
        raise NotImplementedError
