"""Counters and gauges, read when somebody asks. Labels are bounded: a route is named by its pattern, and a
request that matched none has no route, so that no caller can make new time series."""

from collections.abc import Callable
from functools import partial

from sidecar.contract.reasons import Reason

from .counts import Counts, Spread
from .exposition import Family, Sample, exposition
from .record import Record
from .status import Status

MAX_RULES = 1_000
"""Shadow rules that have a time series of their own."""
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LASTING_SECONDS = (1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600)


class Metrics:
    """Everything ``/metrics`` shows. What others hold (status, log, pool) is read when somebody asks."""

    def __init__(self, status: Status, clock: Callable[[], float]) -> None:
        self._families: dict[str, Callable[[], Family]] = {}
        labels = ("status_class", "reason", "route")
        self._requests = self._counts("sidegate_requests_total", "Exchanges that ended", labels)
        self._duration = self._spread("sidegate_request_duration_seconds", "From first byte to last", _SECONDS)
        self._lasting = self._spread(
            "sidegate_lasting_duration_seconds", "The same of tunnels and event streams", _LASTING_SECONDS
        )
        self._upstream = self._spread(
            "sidegate_upstream_duration_seconds", "From forwarding to response head", _SECONDS
        )
        self._shadow = self._counts(
            "sidegate_shadow_refusals_total", "Refusals by rules that are only recorded", ("rule",)
        )
        self._limited = self._counts("sidegate_rate_limited_total", "Refusals over a rate limit", ("route",))
        self._shadow_rules: set[str] = set()
        self._incomplete = self._received = self._sent = 0
        self.counter("sidegate_responses_cut", "Responses cut before their end", lambda: self._incomplete)
        self.counter("sidegate_received_bytes", "Bytes from callers", lambda: self._received)
        self.counter("sidegate_sent_bytes", "Bytes to callers", lambda: self._sent)
        self.gauge("sidegate_snapshot_version", "Version in force; 0: none", lambda: _version(status))
        self.gauge("sidegate_snapshot_age_seconds", "Since control issued it", lambda: _age(status, clock()))
        self.gauge("sidegate_revocations", "Entries of revoked tokens in force", lambda: _revocations(status))
        self.gauge("sidegate_control_connected", "1 while the push socket is up", lambda: status.control_connected)
        self._show("sidegate_control_address", partial(_address, "sidegate_control_address", status))
        self.gauge("sidegate_state_written", "0 while state_dir takes no writes", lambda: status.state_written)
        self.gauge("sidegate_ready", "1 while /ready says so", lambda: status.ready)
        self.gauge("sidegate_draining", "1 while draining", lambda: status.draining)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show what ``read`` returns at the time of asking."""
        self._show(name, lambda: Family(name, "gauge", text, [Sample(read())]))

    def counter(self, name: str, text: str, read: Callable[[], int]) -> None:
        """Show what ``read`` has counted by the time of asking, under the name with ``_total``."""
        name = f"{name}_total"
        self._show(name, lambda: Family(name, "counter", text, [Sample(read())]))

    def finished(self, record: Record) -> None:
        """Count one exchange."""
        self._requests.add((record.status // 100, record.reason, record.route))
        (self._lasting if record.lasting else self._duration).add(record.duration_ms / 1000)
        if record.upstream_ms is not None:
            self._upstream.add(record.upstream_ms / 1000)
        if not record.complete:
            self._incomplete += 1
        if record.reason == Reason.RATE_LIMITED:
            self._limited.add((record.route,))
        for line in record.shadow:
            self._shadow.add((self._rule(line),))
        self._received += record.bytes_in
        self._sent += record.bytes_out

    def _rule(self, line: str) -> str:
        """The rule that ``route 3: denied`` is of. Rules come and go with policies: so many names, and no more."""
        rule = line.rpartition(": ")[0]
        if rule not in self._shadow_rules and len(self._shadow_rules) >= MAX_RULES:
            return "other"
        self._shadow_rules.add(rule)
        return rule

    def exposition(self) -> bytes:
        """The Prometheus text format."""
        return exposition(read() for read in self._families.values())

    def _show(self, name: str, read: Callable[[], Family]) -> None:
        if name in self._families:
            raise AssertionError(f"two families of the name {name}")
        self._families[name] = read

    def _counts(self, name: str, text: str, labels: tuple[str, ...]) -> Counts:
        counts = Counts(name, text, labels)
        self._show(name, counts.family)
        return counts

    def _spread(self, name: str, text: str, bounds: tuple[float, ...]) -> Spread:
        spread = Spread(name, text, bounds)
        self._show(name, spread.family)
        return spread


def _address(name: str, status: Status) -> Family:
    """Which of control's addresses the link is at: one series, however many there were; 1 while connected, 0 while it
    is only tried."""
    text = "Which address of control is in use (1), or tried (0)"
    at = status.control_address
    return Family(name, "gauge", text, [Sample(status.control_connected, {"address": at})] if at else [])


def _version(status: Status) -> float:
    return status.snapshot.version if status.snapshot else 0


def _revocations(status: Status) -> float:
    return len(status.snapshot.revocations) if status.snapshot else 0


def _age(status: Status, now: float) -> float:
    return max(0.0, now - status.snapshot.issued_at) if status.snapshot else 0.0
