"""The policy: read, push, check, diff; and what it would say to a request."""

import time
from functools import partial
from typing import Annotated

import trio
from fastapi import APIRouter, Query
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED

from control.errors import NotFound
from control.identity import Role
from control.mesh import Mesh
from control.mesh.inputs import providers_of
from control.policy import Policy, changes, load
from control.policy import check as check_policy

from .access import needs
from .given import MAX_NUMBER, Actor, ExplainGiven, PolicyGiven, PushGiven, TheMesh, TheRefresher
from .policy_shapes import ChangeShown, Checked, Compared, Explained, PolicyShown, Pushed, explained, plain
from .preconditions import IfMatch

router = APIRouter(prefix="/v1", tags=["policy"])

OBTAIN_WITHIN_S = 3.0
NO_POLICY: dict[int | str, dict[str, object]] = {404: {"description": "There is no policy yet, or no such version."}}


@router.get("/policy", dependencies=[needs(Role.VIEWER, "policy:read")], responses=NO_POLICY)
def get_policy(
    mesh: TheMesh, response: Response, version: Annotated[int | None, Query(ge=1, le=MAX_NUMBER)] = None
) -> PolicyShown:
    """The policy in force, or that of a version, as it was written. ETag is the version now in force."""
    stored = mesh.policy(version)
    current = mesh.current()
    if current is not None:
        response.headers["ETag"] = f'"{current.version}"'
    return PolicyShown(
        version=stored.version,
        source=stored.source,
        files=sorted(stored.files),
        author=stored.author,
        created_at=stored.created_at,
    )


@router.post("/policy", status_code=HTTP_201_CREATED, dependencies=[needs(Role.EDITOR, "policy:write")])
async def push_policy(
    given: PushGiven,
    mesh: TheMesh,
    refresher: TheRefresher,
    actor: Actor,
    if_match: IfMatch,
    response: Response,
) -> Pushed:
    """Checks the policy, runs its tests and puts it in force. ``If-Match: "VERSION"`` guards against a race. The keys
    of providers that it names for the first time are asked for before, but not for long."""
    current = await trio.to_thread.run_sync(mesh.current)
    expected = if_match.version(0 if current is None else current.version)
    new = await trio.to_thread.run_sync(load, given.source, given.files, given.env)
    await refresher.obtain(providers_of(new), OBTAIN_WITHIN_S)
    push = partial(mesh.push, note=given.note, expected_version=expected)
    made = await trio.to_thread.run_sync(push, given.source, given.files, given.env, actor)
    response.headers["Location"] = f"/v1/versions/{made.version}"
    return Pushed(
        version=made.version,
        kind=made.kind,
        policy_id=made.policy_id,
        note=made.note,
        actor=made.actor,
        created_at=made.created_at,
        warnings=plain(list(new.warnings)),
    )


@router.post("/policy/check", dependencies=[needs(Role.VIEWER, "policy:read")])
def check(given: PolicyGiven) -> Checked:
    """What ``control check`` says of it; nothing is changed."""
    report = check_policy(load(given.source, given.files, given.env), now=int(time.time()))
    return Checked.model_validate(report.as_json())


@router.post("/policy/diff", dependencies=[needs(Role.VIEWER, "policy:read")])
def diff(given: PolicyGiven, mesh: TheMesh) -> Compared:
    """What would change if it were pushed now."""
    new = load(given.source, given.files, given.env)
    old, version = _in_force(mesh)
    found = changes(old, new)
    shown = [ChangeShown.model_validate(change.as_json()) for change in found]
    return Compared(against=version, changes=shown, lines=[str(change) for change in found])


@router.post("/explain", dependencies=[needs(Role.VIEWER, "policy:read")], responses=NO_POLICY)
def explain(given: ExplainGiven, mesh: TheMesh) -> Explained:
    """The decision that the service's sidecar would take, step by step, made by the sidecar's own code."""
    explanation = mesh.explain(
        given.service,
        given.method,
        given.path,
        given.token,
        given.headers,
        host=given.host,
        address=given.address,
    )
    policy, _ = _in_force(mesh)
    known = policy is not None and policy.service(given.service) is not None
    return explained(explanation, in_policy=known)


def _in_force(mesh: Mesh) -> tuple[Policy | None, int]:
    try:
        stored = mesh.policy()
    except NotFound:
        return None, 0
    return load(stored.source, stored.files, stored.env), stored.version
