"""What control is told of the requests."""

from dataclasses import replace

from sidecar.contract.messages import Report
from sidecar.contract.reasons import Reason, status_of
from sidecar.observe.record import Record
from sidecar.observe.tally import MAX_VERSIONS, Tally


class Clock:
    """Seconds, by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


DONE = Record(0.0, "d", "p", version=7, status=200, reason="allowed")


def test_requests_are_counted_by_the_version_that_decided_them() -> None:
    """Denied by the policy, failed by whoever; what no snapshot decided is nobody's."""
    clock = Clock()
    tally = Tally(clock)
    for record in (
        DONE,
        replace(DONE, version=8),
        replace(DONE, status=403, reason=Reason.DENIED),
        replace(DONE, status=404),  # the service's own
        replace(DONE, status=500),
        replace(DONE, status=504, reason=Reason.UPSTREAM_TIMEOUT),
        replace(DONE, status=400, reason=Reason.BAD_PATH),
        replace(DONE, version=None, status=503, reason=Reason.NO_SNAPSHOT),
    ):
        tally.finished(record)
    clock.now += 9.2
    assert tally.take() == [Report(7, 6, 1, 2, 10), Report(8, 1, 0, 0, 10)]
    clock.now += 0.1
    assert tally.take() == []
    tally.finished(DONE)
    assert tally.take() == [Report(7, 1, 0, 0, 1)]


def test_no_request_is_both_denied_and_failed() -> None:
    """Whatever the reason, so that a report never counts more than there was."""
    for reason in Reason:
        tally = Tally(Clock())
        tally.finished(replace(DONE, status=status_of(reason), reason=reason))
        (report,) = tally.take()
        assert report.denied + report.failed <= 1


def test_what_nobody_takes_stays_small() -> None:
    """A sidecar without control for a year of revocations keeps the newest counts."""
    tally = Tally(Clock())
    for version in range(1, 10_000):
        tally.finished(replace(DONE, version=version))
    reports = tally.take()
    assert [report.version for report in reports] == list(range(10_000 - MAX_VERSIONS, 10_000))
