"""What the upstream is asked for: the target that was matched, with another prefix, and without a credential.

Built from the very segments that were matched, so that a rewrite cannot change what was authorised. The query passes
as it came but for the parameter in which a credential stood.
"""

from urllib.parse import unquote_plus

from sidecar.contract.snapshot import Route, Source

from .pattern import Pattern
from .target import Target, normalise


class Rewrite:
    """A route's ``rewrite``, compiled; ValueError with a sentence if it cannot be done."""

    def __init__(self, route: Route, pattern: Pattern) -> None:
        self._skipped = len(pattern.segments)
        self._base = route.rewrite
        if route.redirect is not None and route.redirect.keep_path and not pattern.rest:
            raise ValueError("redirect keeps the path that '**' matched, and the route's path has none")
        if route.rewrite is None:
            return
        if not pattern.rest:
            raise ValueError("rewrite replaces what stands before '**', and the route's path has none")
        base = normalise(route.rewrite.encode("utf-8", "surrogatepass"))
        if not isinstance(base, Target) or base.forward().decode() != route.rewrite or base.query:
            raise ValueError(f"rewrite {route.rewrite!r} is not a path in its normal form (docs/paths.md)")

    def forwarded(self, target: Target, credential: Source | None) -> bytes:
        """The target for the upstream. ``credential``: the one to leave out, if it stood in the query."""
        if self._base is None and (credential is None or credential.place != "query"):
            return target.forward()
        path = target.path if self._base is None else joined(self._base, rest_of(target, self._skipped))
        query = target.query
        if credential is not None and credential.place == "query":
            query = "&".join(part for part in query.split("&") if _name(part) != credential.name)
        return (f"{path}?{query}" if query else path).encode("ascii")


def rest_of(target: Target, skipped: int) -> str | None:
    """What follows the first ``skipped`` segments, as it is forwarded; None if nothing does, not even a slash."""
    parts = target.path.split("/")[1 + skipped :]
    return "/".join(parts) if parts else None


def joined(base: str, rest: str | None) -> str:
    """``rest`` under ``base``."""
    return base if rest is None else f"{base.rstrip('/')}/{rest}"


def _name(part: str) -> str:
    return unquote_plus(part.partition("=")[0])
