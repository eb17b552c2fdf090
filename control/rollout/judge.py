"""Promote, abort or wait: a verdict over what sidecars answered and reported. Pure: no clock, no store, no chance.

Like is compared with like: the canary's sidecars of a service with the other sidecars of that service, meanwhile; or,
where these had too little to do, with what all of that service reported just before the canary began. Two rates are
told apart by Newcombe's interval for the difference of proportions (of Wilson's score intervals; it holds for few
requests and for rates of 0 and 1). Worse is: even the low end of that interval, at 99.9%, is beyond the margin. It is
looked at again and again while counts grow, which is why the level is high and why there is a margin at all.

Counts are the sidecars' word, so none counts for more than four times as much as the median of its kind; of two, than
four times as much as the other, because one of two moves the median as far as it likes.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

Z = 3.29
"""Of the normal distribution, for 99.9% between both ends."""
FEWEST = 20
"""Requests before any rate counts: they come in runs (one caller tries again), and no interval knows that."""
TIPS_BY = 4


@dataclass(frozen=True, slots=True)
class Terms:
    """What a verdict takes. Margins are differences of rates: 0.01 is one request more in a hundred. ``alone_s``: how
    long nobody may be left in the canary."""

    min_s: int = 300
    min_requests: int = 100
    error_margin: float = 0.01
    denial_margin: float = 0.05
    alone_s: int = 60


@dataclass(frozen=True, slots=True)
class Member:
    """A connected sidecar of the canary, and what it made of the policy on trial."""

    name: str
    service: str
    state: Literal["acked", "nacked", "pending"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one sidecar reported. ``line``: candidate, stable or before."""

    service: str
    line: str
    requests: float
    denied: float
    failed: float


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a verdict is made of. ``frozen``: why nothing may be promoted now, or ""."""

    elapsed_s: float
    alone_s: float
    members: Sequence[Member]
    tallies: Sequence[Tally]
    frozen: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One service's canary against the rest. ``against``: stable or before; ``enough``: the rest had requests enough to
    be a measure."""

    service: str
    against: str
    candidate: Tally
    others: Tally
    enough: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, in a sentence, and what is missing for more."""

    action: Literal["promote", "abort", "wait"]
    sentence: str
    missing: tuple[str, ...] = ()


def judge(facts: Facts, terms: Terms) -> Verdict:
    """The verdict as things stand."""
    found = compared(facts.tallies, terms)
    bad = next((said for said in _bad(facts, found, terms)), None)
    if bad is not None:
        return Verdict("abort", bad)
    missing = tuple(_missing(facts, found, terms))
    if missing:
        return Verdict("wait", "no verdict yet: " + "; ".join(missing), missing)
    tried = sum(one.candidate.requests for one in found)
    good = f"good: {tried:.0f} requests in {facts.elapsed_s:.0f} s, {_count(len(facts.members), 'sidecar')}"
    if facts.frozen:
        return Verdict("wait", f"{good}; not promoted, for the mesh is {facts.frozen}", (facts.frozen,))
    return Verdict("promote", good)


def compared(tallies: Iterable[Tally], terms: Terms) -> list[Comparison]:
    """Service by service, those that the canary had requests of."""
    tallies, found = list(tallies), list[Comparison]()
    for service in sorted({one.service for one in tallies if one.line == "candidate"}):
        candidate, stable, before = (
            _sum(service, line, [one for one in tallies if (one.service, one.line) == (service, line)], terms)
            for line in ("candidate", "stable", "before")
        )
        others = stable if stable.requests >= min(terms.min_requests, before.requests) else before
        if candidate.requests:
            enough = others.requests >= terms.min_requests
            found.append(Comparison(service, others.line, candidate, others, enough))
    return found


def surely_more(x1: float, n1: float, x2: float, n2: float) -> float:
    """By how much x1 of n1 is a higher rate than x2 of n2 at the least: the low end of Newcombe's interval."""
    if not n1 or not n2:
        return -1.0
    p1, p2 = x1 / n1, x2 / n2
    low, _ = _wilson(p1, n1)
    _, high = _wilson(p2, n2)
    return p1 - p2 - math.sqrt((p1 - low) ** 2 + (high - p2) ** 2)


def _bad(facts: Facts, found: Sequence[Comparison], terms: Terms) -> Iterator[str]:
    for member in facts.members:
        if member.state == "nacked":
            yield f"{member.name} refused it: {member.reason}"
    if not facts.members and facts.alone_s >= terms.alone_s:
        yield f"nobody is left in the canary for {facts.alone_s:.0f} s"
    for one in found:
        new, old, where = one.candidate, one.others, _AGAINST[one.against]
        if new.requests < FEWEST:
            continue
        for what, x1, x2, margin in (
            ("failed", new.failed, old.failed, terms.error_margin),
            ("were denied", new.denied, old.denied, terms.denial_margin),
        ):
            if surely_more(x1, new.requests, x2, old.requests) > margin:
                rates = f"{_percent(x1, new.requests)} of {new.requests:.0f} requests {what}"
                yield f"{one.service}: {rates}, and {_percent(x2, old.requests)} of {old.requests:.0f} {where}"


def _missing(facts: Facts, found: Sequence[Comparison], terms: Terms) -> Iterator[str]:
    if facts.elapsed_s < terms.min_s:
        yield f"{math.ceil(terms.min_s - facts.elapsed_s)} s of {terms.min_s} s"
    if not facts.members:
        yield "nobody of the canary is connected"
    for member in facts.members:
        if member.state == "pending":
            yield f"{member.name} has not answered"
    tried = sum(one.candidate.requests for one in found if one.enough)
    if tried < terms.min_requests:
        yield f"{tried:.0f} of {terms.min_requests} requests that can be compared"
    for one in found:
        if not one.enough:
            yield f"{one.service}: {one.others.requests:.0f} of {terms.min_requests} requests {_AGAINST[one.against]}"
        else:
            yield from _in_doubt(one, terms)


def _in_doubt(one: Comparison, terms: Terms) -> Iterator[str]:
    new, old = one.candidate, one.others
    if new.failed / new.requests - old.failed / old.requests > terms.error_margin:
        yield f"{one.service}: more requests fail, too few to be sure"
    if new.denied / new.requests - old.denied / old.requests > terms.denial_margin:
        yield f"{one.service}: more requests are denied, too few to be sure"


def _sum(service: str, line: str, tallies: Sequence[Tally], terms: Terms) -> Tally:
    requests = [one.requests for one in tallies] or [0]
    most = max(terms.min_requests, TIPS_BY * (min(requests) if len(requests) == 2 else median(requests)))
    weights = [min(1.0, most / one.requests) if one.requests else 0.0 for one in tallies]
    weighed = list(zip(weights, tallies, strict=True))
    return Tally(
        service,
        line,
        sum(weight * one.requests for weight, one in weighed),
        sum(weight * min(one.denied, one.requests) for weight, one in weighed),
        sum(weight * min(one.failed, one.requests) for weight, one in weighed),
    )


def _wilson(p: float, n: float) -> tuple[float, float]:
    centre, whole = p + Z * Z / (2 * n), 1 + Z * Z / n
    half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return (centre - half) / whole, (centre + half) / whole


_AGAINST = {"stable": "elsewhere", "before": "before"}


def _percent(x: float, n: float) -> str:
    return f"{100 * x / n:.1f}%"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
