"""What control refuses to do, each with a stable ``code`` and a message that people may read. No secrets in either."""


class ControlError(Exception):
    """Something that was asked and not done. ``code`` is stable; the text is for people."""

    code = "refused"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or type(self).code


class NotFound(ControlError):  # noqa: N818 - a noun of HTTP
    """What was named does not exist."""

    code = "not_found"


class Conflict(ControlError):  # noqa: N818 - a noun of HTTP
    """It was changed meanwhile, or the name is taken."""

    code = "conflict"


class Stale(Conflict):
    """The caller wanted it changed only as they had seen it, and it is so no more."""

    code = "precondition_failed"


class Invalid(ControlError):  # noqa: N818 - reads as the sentence it is
    """A value that cannot be meant."""

    code = "invalid"


class Denied(ControlError):  # noqa: N818 - reads as the sentence it is
    """A sidecar that may not come in; ``code`` is what the push server's Refuse carries."""

    code = "denied"


class Corrupt(ControlError):  # noqa: N818 - what the database is
    """The database holds what control cannot have written."""

    code = "corrupt"
