"""Demands that a caller gets around by what he writes himself: another method, another host, a header that he leaves
out or adds, a path of one segment more. None of it says who he is, and the service behind is the same.

What a later route with demands of its own takes is not told: other demands are not fewer. Compared in pairs, as
``shadow`` does it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sidecar.authz.pattern import compile_pattern
from sidecar.contract.snapshot import Requirement, Route

from .reach import Reach, reach_of
from .shadow import LETS, MAX_COMPARED, label

Known = Sequence[tuple[Route, Reach]]
_ANY_TOKEN = "takes any valid token"


def evasions(routes: Sequence[Route]) -> Iterator[tuple[int, str]]:
    """(the number of a route, how what it asks, or what a later one does, is got around)."""
    known = [(route, reach_of(route)) for route in routes[:MAX_COMPARED]]
    for number, (route, reach) in enumerate(known):
        if route.access != "token":
            if (open_ := _opened(number, known)) is not None:
                yield number, open_
        elif route.require != Requirement():
            found = (_by_method(number, known), _by_spelling(number, known), _by_length(number, known, reach))
            yield from ((number, told) for told in found if told is not None)


def _by_method(number: int, known: Known) -> str | None:
    """Do methods that the route does not name meet fewer demands on the same path?"""
    route, reach = known[number]
    if reach.methods is None:
        return None
    left = reach.methods
    for later in range(number + 1, len(known)):
        other, others = known[later]
        if others.methods is None or not others.covers(reach) or others.methods <= left:
            continue
        if other.require != Requirement():
            left |= others.methods
            continue
        return f"asked of {','.join(route.methods or ())} alone: for other methods, {_lets(later, other)}"
    return None


def _by_spelling(number: int, known: Known) -> str | None:
    """Does who names another host, or writes other fields, meet fewer demands on the same path?"""
    _, reach = known[number]
    wide = _whatever_is_written(reach)
    if reach == wide:
        return None
    asked = "of some hosts" if reach.fields == wide.fields else "of who writes certain headers or parameters"
    return _told(number, known, wide, f"asked {asked} alone: for everybody else,")


def _by_length(number: int, known: Known, reach: Reach) -> str | None:
    """Is ``/admin/*`` meant to be ``/admin/**``? One segment more meets fewer demands."""
    path = known[number][0].path.rstrip("/")
    if not path.endswith("/*"):
        return None
    below = replace(reach, pattern=compile_pattern(f"{path}/*/**"))
    told = _told(number, known, below, f"'*' is one segment: for what is below {path},")
    return None if told is None else f"{told}; {path}* is all of it"


def _told(number: int, known: Known, wanted: Reach, before: str) -> str | None:
    """What the first later route that takes all of these requests and asks nothing lets in."""
    for later in range(number + 1, len(known)):
        other, others = known[later]
        if others.covers(wanted) and others.shares_methods(wanted):
            answered = other.respond is not None or other.require != Requirement()
            return None if answered else f"{before} {_lets(later, other)}"
    return None


def _opened(number: int, known: Known) -> str | None:
    """Is an open route told from a later, guarded one for the same paths by what the caller writes alone?"""
    route, reach = known[number]
    wide = _whatever_is_written(reach)
    for later in range(number + 1, len(known)):
        other, others = known[later]
        guarded = other.access == "token" and others.covers(reach) and others.shares_methods(reach)
        if guarded and not reach.covers(others) and wide.covers(others):
            told = (
                f"{LETS[route.access]}, and only what a caller writes tells it from routes[{later}] ({label(other)}):"
            )
            return f"{told} whoever writes it is let through"
    return None


def _whatever_is_written(reach: Reach) -> Reach:
    return replace(reach, hosts=(), fields=((), ()))


def _lets(number: int, route: Route) -> str:
    return f"routes[{number}] ({label(route)}) {LETS.get(route.access, _ANY_TOKEN)}"
