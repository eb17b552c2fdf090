"""Why a command did not do what was asked: one or two sentences that say what to do, and an exit code."""

from contextvars import ContextVar

REFUSED = 1
USAGE = 2
UNREACHABLE = 3


class Failure(Exception):  # noqa: N818 - a noun
    """Ends the command. ``lines`` come below the sentence, one each."""

    def __init__(self, message: str, exit_code: int = REFUSED, lines: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.exit_code, self.lines = exit_code, lines


UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
"""What a verb meets in an answer that is not of control's shape; each takes what it needs, and no verb checks."""
_answering: ContextVar[str] = ContextVar("answering", default="")


def answered(url: str) -> None:
    """From now on what is UNREADABLE is so because of what ``url`` has answered; "": nobody has, and it is our bug."""
    _answering.set(url)


def misunderstood(error: Exception) -> Failure | None:
    """The Failure that ``error`` is, or None."""
    url = _answering.get()
    if not url or not isinstance(error, UNREADABLE):
        return None
    what = f"{type(error).__name__}: {error}"[:100]
    return Failure(f"What answers at {url} is not control, or another version of it ({what}). See CONTROL_URL.")
