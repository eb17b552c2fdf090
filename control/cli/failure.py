"""Why a command did not do what was asked: one or two sentences that say what to do, and an exit code."""

REFUSED = 1
USAGE = 2
UNREACHABLE = 3


class Failure(Exception):  # noqa: N818 - a noun
    """Ends the command. ``lines`` come below the sentence, one each."""

    def __init__(self, message: str, exit_code: int = REFUSED, lines: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.exit_code, self.lines = exit_code, lines
