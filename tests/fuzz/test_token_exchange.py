"""Whatever is sent to be exchanged, or typed in as a device's code: refused as OAuth says it, and never a crash."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control.identity.oauth.clients import CODE, DEVICE, EXCHANGE
from control.identity.oauth.exchange import ACCESS_TOKEN
from tests.control.identity.test_oauth import BACK, NOW, Rig

QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = ["scope", "audience", "resource", "requested_token_type", "actor_token"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One for all, with a client that may do everything."""
    path: Path = tmp_path_factory.mktemp("exchange")
    made = Rig(path / "data")
    made.clients.update(made.web.client_id, "ann", NOW, grant_types=[CODE, DEVICE, EXCHANGE], redirect_uris=[BACK])
    yield made
    made.database.close()


@QUICK
@given(
    token=TEXT,
    more=st.dictionaries(
        st.sampled_from(["scope", "audience", "resource", "requested_token_type", "actor_token"]), TEXT
    ),
    cut=st.integers(0, 400),
)
def test_any_exchange(rig: Rig, token: str, more: dict[str, str], cut: int) -> None:
    """Noise, pieces of a true token, and whatever is asked beside a true one."""
    proof = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    own = rig.post(rig.endpoint.handle, grant_type="client_credentials", **proof)[1]["access_token"]
    for text in (token, own[:cut], own):
        form = {"grant_type": EXCHANGE, "subject_token_type": ACCESS_TOKEN, "subject_token": text, **proof}
        status, got = rig.post(rig.endpoint.handle, **{**form, **more})
        assert status in (200, 400)
        if status == 200:
            assert text == own and set(got["scope"].split()) <= {"orders:read"}


@QUICK
@given(code=TEXT, form=st.dictionaries(st.sampled_from(["scope", "resource", "x"]), TEXT))
def test_any_device(rig: Rig, code: str, form: dict[str, str]) -> None:
    """What people type in, and what a device asks for."""
    assert rig.issuer.device_authorization.look(code) is None
    assert not rig.issuer.device_authorization.allow(code, "ann")
    proof = {"client_id": rig.web.client_id, "client_secret": rig.secret}
    assert rig.post(rig.issuer.device, **proof, **form)[0] in (200, 400, 429)
    assert rig.post(rig.endpoint.handle, grant_type=DEVICE, device_code=code, **proof)[0] == 400
