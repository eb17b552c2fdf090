"""What sidecars report of their requests, as control keeps it."""

from collections.abc import Callable

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from control.distribution.reports import EVERY_S, MAX_PER_SESSION, MAX_VERSIONS, Reports, Traffic
from sidecar.contract.messages import Refuse, Report
from sidecar.contract.strict import ContractError

from .talking import Peer, Stage, joining, stage


async def entered(st: Stage) -> Peer:
    """A sidecar that runs version 3."""
    st.core.publish(3)
    peer = st.connect()
    await peer.enter(joining())
    await peer.ack(await peer.hear_push())
    await wait_all_tasks_blocked()
    return peer


async def test_reports_add_up_by_version(autojump_clock: MockClock) -> None:
    """As the session's totals, for whoever judges a rollout."""
    async with stage() as st:
        peer = await entered(st)
        for report in (Report(3, 10, 1, 2, 10), Report(2, 5, 5, 0, 10), Report(3, 1, 0, 0, 7)):
            await peer.say(report)
        await wait_all_tasks_blocked()
        (session,) = st.server.sessions()
        assert session.reports.by_version == {3: Traffic(11, 1, 2, 17), 2: Traffic(5, 5, 0, 10)}


@pytest.mark.parametrize(
    ("report", "code"),
    [(lambda: Report(4, 1, 0, 0, 1), "unsolicited"), (lambda: Report(3, 1, 1, 1, 1), "malformed")],
    ids=["a version that was not sent", "more failed than there were"],
)
async def test_a_report_that_cannot_be_ends_the_connection(report: Callable[[], Report], code: str) -> None:
    """In words."""
    async with stage() as st:
        peer = await entered(st)
        await peer.say(report())
        refusal = await peer.hear()
        assert isinstance(refusal, Refuse)
        assert refusal.code == code


def test_totals_stay_small_and_floods_end() -> None:
    """The last versions, however long the session; so many in a while, and no more."""
    reports = Reports()
    for version in range(1, 1000):
        reports.add(Report(version, 1, 0, 0, 1), now=version * EVERY_S)
    assert sorted(reports.by_version) == list(range(1000 - MAX_VERSIONS, 1000))
    with pytest.raises(ContractError, match="within") as caught:
        for _ in range(MAX_PER_SESSION + 1):
            reports.add(Report(1000, 1, 0, 0, 1), now=100_000.0)
    assert caught.value.code == "flood"
