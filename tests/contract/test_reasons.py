"""Each stable word has exactly one HTTP status."""

import pytest

from sidecar.contract.reasons import Reason, status_of


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_status(reason: Reason) -> None:
    """No word is without a status, and none but ``allowed`` is a success."""
    assert (status_of(reason) < 400) == (reason is Reason.ALLOWED)


def test_the_statuses_are_those_of_the_promise() -> None:
    """A few from the published table."""
    assert status_of(Reason.TOKEN_EXPIRED) == 401
    assert status_of(Reason.INSUFFICIENT_SCOPE) == 403
    assert status_of(Reason.METHOD_NOT_ALLOWED) == 405
    assert status_of(Reason.NO_SNAPSHOT) == 503
