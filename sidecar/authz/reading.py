"""A request, read: its one target, the fields that rules look at, the route and the deny rules for it.

Where another server could read the path so that another rule would be for it, the request is refused: authorising one
reading would authorise something else than what is served. Knows nothing of who calls.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from sidecar.authn.rejection import Rejection, shown
from sidecar.contract.reasons import Reason

from .decision import Decision, RequestFacts
from .deny import DenyList
from .fields import FieldReader, Fields
from .host import normalise_host
from .router import Found, Missed, Router, label
from .target import MAX_ENCODING_LAYERS, Target, normalise

_TWO_READINGS = "';' parameters or a second layer of encoding change which rule is for it: the path has two readings"
_NO_HOST = "the host is not a name or an address, and a rule looks at it"


@dataclass(slots=True)
class Reading:
    """``denies``: the numbers of the deny rules for the path."""

    target: Target
    fields: Fields
    found: Found
    denies: list[int]


class Reader:
    """Reads requests under one policy. ``reads_path``: the routes in whose conditions the path stands. ``reads_host``:
    does a condition look at the host?"""

    def __init__(
        self, router: Router, denies: DenyList, fields: FieldReader, reads_path: Iterable[int], reads_host: bool
    ) -> None:
        self._router, self._denies, self._fields = router, denies, fields
        self._reads_path = frozenset(reads_path)
        self.looks_at_headers = fields.looks_at_headers
        self.reads_host = reads_host or router.reads_host or denies.reads_host

    def read(self, request: RequestFacts, steps: list[str] | None = None) -> Reading | Decision:
        """The reading, or the decision that there is none."""
        target = normalise(request.target, self._router.keeps_slashes)
        if isinstance(target, Rejection):
            return _refused(target, "target", steps)
        if request.host and self.reads_host and not normalise_host(request.host):
            return _refused(Rejection(Reason.MALFORMED_REQUEST, _NO_HOST), "request", steps, target)
        fields = self._fields.read(request.headers, target.query)
        if isinstance(fields, Rejection):
            return _refused(fields, "request", steps, target)
        found = self._router.match(request.method, target.segments, request.host, fields, steps)
        denies = self._denies.on_path(target.segments)
        if self._router.keeps_slashes and self._hides_a_slash(target, found, denies):
            detail = "an encoded slash in the path, which its route does not keep or a deny rule reads otherwise"
            return _refused(Rejection(Reason.BAD_PATH, detail), "target", steps, target)
        if (";" in target.path or "%" in target.path) and self._has_two_readings(
            request, target, fields, found, denies
        ):
            return _refused(Rejection(Reason.BAD_PATH, _TWO_READINGS), "target", steps, target)
        if isinstance(found, Missed):
            return _missed(request.method, target, found, steps)
        if steps is not None:
            steps.append(f"route {found.number + 1}: {label(found.route)} matched {shown(target.path)}")
        return Reading(target, fields, found, denies)

    def _hides_a_slash(self, target: Target, found: Found | Missed, denies: list[int]) -> bool:
        if not target.hides_slash:
            return False
        if isinstance(found, Missed) or found.route.encoded_slash != "keep":
            return True
        parts = tuple(part for segment in target.segments for part in segment.split("/") if part)
        return self._denies.on_path(parts) != denies

    def _has_two_readings(
        self, request: RequestFacts, target: Target, fields: Fields, found: Found | Missed, denies: list[int]
    ) -> bool:
        """Some upstreams drop ``;parameters`` before they match (Tomcat, Spring), some decode twice."""
        segments = target.segments
        path_counts = _number(found) in self._reads_path or self._denies.reads_path(denies)
        for _ in range(MAX_ENCODING_LAYERS):
            segments = tuple(name for name in (segment.partition(";")[0] for segment in segments) if name)
            if path_counts and segments != target.segments:
                return True
            other = self._router.match(request.method, segments, request.host, fields)
            if _number(other) != _number(found) or self._denies.on_path(segments) != denies:
                return True
            decoded = tuple(unquote(segment) for segment in segments)
            if decoded == segments:
                break
            segments = decoded
        return False


def _number(outcome: Found | Missed) -> int | None:
    return outcome.number if isinstance(outcome, Found) else None


def _refused(why: Rejection, what: str, steps: list[str] | None, target: Target | None = None) -> Decision:
    if steps is not None:
        steps.append(f"{what}: refused, {why.detail}")
    return Decision(False, why.reason, why.detail, target=target)


def _missed(method: str, target: Target, missed: Missed, steps: list[str] | None) -> Decision:
    reason = Reason.METHOD_NOT_ALLOWED if missed.allow else Reason.NO_ROUTE
    detail = f"{shown(method)} {shown(target.path)}: no route" + (" for this method" if missed.allow else "")
    if steps is not None:
        steps.append(f"route: {detail}" + (f", which allows {', '.join(missed.allow)}" if missed.allow else ""))
    return Decision(False, reason, detail, target=target, allow_methods=missed.allow)
