"""A request whose head has come: what it may do, and what the service is then sent. Without I/O."""

from typing import TYPE_CHECKING

from sidecar.contract.reasons import Reason
from sidecar.http1.errors import RequestError
from sidecar.http1.fields import render
from sidecar.http1.request import RequestHead, parse_request
from sidecar.observe.record import Record

from ..forwarding import connection_options, refuse_override
from ..judge import Judge
from ..permit import Permit
from .asked import Asked
from .handover import Judged
from .rulings import Refused, Ruling, Rulings
from .under import Under

if TYPE_CHECKING:
    from .caller import Caller

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods that give a body a meaning, so that they say it even of an empty one (RFC 9110 section 8.6)."""
_ASKS_FOR_MORE = frozenset({b"te", b"upgrade"})


def let_through(
    caller: "Caller", data: bytes, end: int, asked: Asked, ruling: Ruling, version: int, now: float, began: float
) -> Under:
    """On the word of an earlier request like it."""
    (place, who), ids, peer = ruling, caller.shared.ids, caller.peer
    decision_id, request_id = ids.decision_id(), asked.request_id or ids.new_request_id()
    names = who.subject, who.issuer, who.client
    text = request_id.decode("ascii")
    record = Record(
        now, decision_id, peer, peer, text, place.method, place.path, 0, "", "", (), place.pattern, *names, version
    )
    length = b"content-length: %d\r\n\r\n" % asked.length if asked.length or place.method in _WITH_BODY else b"\r\n"
    sent = b"".join(
        (
            place.first,
            b"host: ",
            asked.host,
            b"\r\n",
            *asked.lines,
            who.identity,
            b"x-request-id: ",
            request_id,
            b"\r\ntraceparent: ",
            asked.traceparent or ids.new_traceparent(),
            b"\r\n",
            caller.told,
            length,
            data[end:],
        )
    )
    return Under(caller, data, end, record, began, sent, len(data), asked.length - (len(data) - end))


def refused(ruling: Refused, decision_id: str, peer: str, size: int, version: int, now: float) -> Record:
    """On the word of an earlier one: its token's signature is false. What is known of it when it has been told."""
    place = ruling.place
    record = Record(now, decision_id, peer, peer, "", place.method, place.path)
    record.route, record.version, record.bytes_in = place.pattern, version, size
    record.status, record.reason, record.detail = 401, Reason.INVALID_TOKEN.value, ruling.detail
    return record


def judged_anew(
    caller: "Caller",
    data: bytes,
    end: int,
    asked: Asked | None,
    rulings: Rulings | None,
    now: float,
    began: float,
) -> Under | Judged | None:
    """By asking the judge, whose word is remembered. None: it is not for the engine, and has not been judged."""
    shared, peer, at_hand = caller.shared, caller.peer, len(data) - end
    try:
        head = parse_request(data[:end], shared.limits)
        options = connection_options(head)
        refuse_override(head)
    except RequestError:
        return None
    length = head.framing
    if not isinstance(length, int) or length < at_hand or not _is_ordinary(head, length, shared.limits.body_bytes):
        return None
    record = Record(now, shared.ids.decision_id(), peer, peer)
    record.method, record.path = head.method.decode(), head.target.partition(b"?")[0].decode()
    judge = Judge(shared, record, peer)
    verdict = judge.verdict(head, options)
    decision, facts = judge.decision, judge.facts
    # What is allowed may yet be refused: a claim that no header can hold, a body that is too large.
    holds = decision is not None and (isinstance(verdict, Permit) or not decision.allowed)
    if holds and asked is not None and rulings is not None and decision is not None and facts is not None:
        rulings.learn(asked, facts, decision, now)
    if not isinstance(verdict, Permit) or verdict.timeout_s or verdict.idle_s or verdict.total_s:
        return Judged(data, end, began, judge, head, verdict)
    fields = list(verdict.sent.headers)
    if length or record.method in _WITH_BODY:
        fields.append((b"content-length", b"%d" % length))
    first = b"%b %b HTTP/1.1" % (verdict.sent.method, verdict.sent.target)
    sent, to_come = render(first, fields) + data[end:], length - at_hand
    return Under(caller, data, end, record, began, sent, len(data), to_come, judge, head, verdict)


def _is_ordinary(head: RequestHead, length: int, body_limit: int | None) -> bool:
    """Does it ask for nothing but a response with a body?"""
    return (
        (body_limit is None or length <= body_limit)
        and head.keep_alive
        and not head.expects_continue
        and not head.upgrade
        and head.method != b"HEAD"
        and not any(name in _ASKS_FOR_MORE for name, _ in head.headers)
    )
