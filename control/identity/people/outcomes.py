"""What comes of trying to sign in, and why a password is not taken. Nothing here tells whether somebody exists."""

from dataclasses import dataclass, field

from control.errors import ControlError

from .person import Person

PASSWORD, ONE_TIME, MULTIPLE = "pwd", "otp", "mfa"
"""RFC 8176."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who it is. ``amr``: how they proved it (RFC 8176: ``pwd``, and ``otp``, ``mfa`` with a second factor);
    ``auth_time``: when, in unix seconds."""

    person: Person
    amr: tuple[str, ...]
    auth_time: int


@dataclass(frozen=True, slots=True)
class SecondFactorNeeded:
    """The password was right; ``ticket`` goes with the code into ``SignIn.second_factor``, within a few minutes."""

    ticket: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotSignedIn:
    """It was wrong: the name, the password, the code or the ticket, or they may not. Which of them is not told."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """Too many tries; nothing was looked at. The next one counts after ``retry_after_s``."""

    retry_after_s: float


class WrongPassword(ControlError):  # noqa: N818 - reads as the sentence it is
    """The old password was wrong. The text may be shown."""

    code = "wrong_password"


class WeakPassword(ControlError):  # noqa: N818 - reads as the sentence it is
    """The new password is not taken. The text says why and may be shown."""

    code = "weak_password"


class WrongCode(ControlError):  # noqa: N818 - reads as the sentence it is
    """The code was wrong, or used already. The text may be shown."""

    code = "wrong_code"


class SpentLink(ControlError):  # noqa: N818 - reads as the sentence it is
    """The link was used, is too old or never was. The text may be shown."""

    code = "spent_link"


class TooManyTries(ControlError):  # noqa: N818 - reads as the sentence it is
    """Nothing was looked at. The text may be shown."""

    code = "too_many_tries"

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("There were too many tries. Wait a moment, and try again.")
        self.retry_after_s = retry_after_s
