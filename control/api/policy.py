"""The policy: read, push, check, diff; and what it would say to a request."""

import time
from dataclasses import asdict
from typing import Annotated, Any

import trio
from fastapi import APIRouter, Query
from starlette.responses import Response
from starlette.status import HTTP_201_CREATED

from control.errors import Conflict, NotFound, Stale
from control.identity import Role
from control.mesh import Explanation, Mesh, Version
from control.mesh.inputs import providers_of
from control.policy import Policy, changes, load
from control.policy import check as check_policy
from sidecar.contract.reasons import status_of

from .access import needs
from .given import MAX_NUMBER, Actor, ExplainGiven, PolicyGiven, PushGiven, TheMesh, TheRefresher
from .preconditions import IfMatch
from .problems import plain_problems

router = APIRouter(prefix="/v1", tags=["policy"])

OBTAIN_WITHIN_S = 3.0


@router.get("/policy", dependencies=[needs(Role.VIEWER, "policy:read")])
def get_policy(
    mesh: TheMesh, response: Response, version: Annotated[int | None, Query(ge=1, le=MAX_NUMBER)] = None
) -> dict[str, Any]:
    """The policy in force, or that of a version, as it was written. ETag is the version now in force."""
    stored = mesh.policy(version)
    current = mesh.current()
    if current is not None:
        response.headers["ETag"] = f'"{current.version}"'
    return {
        "version": stored.version,
        "source": stored.source,
        "files": sorted(stored.files),
        "author": stored.author,
        "created_at": stored.created_at,
    }


@router.post("/policy", status_code=HTTP_201_CREATED, dependencies=[needs(Role.EDITOR, "policy:write")])
async def push_policy(
    given: PushGiven,
    mesh: TheMesh,
    refresher: TheRefresher,
    actor: Actor,
    if_match: IfMatch,
) -> dict[str, Any]:
    """Checks the policy, runs its tests and puts it in force. ``If-Match: "VERSION"`` guards against a race. The keys
    of providers that it names for the first time are asked for before, but not for long."""
    current = await trio.to_thread.run_sync(mesh.current)
    expected = if_match.version(0 if current is None else current.version)
    new = await trio.to_thread.run_sync(load, given.source, given.files, given.env)
    await refresher.obtain(providers_of(new), OBTAIN_WITHIN_S)
    return {
        **asdict(await trio.to_thread.run_sync(_push, given, mesh, actor, expected)),
        "warnings": plain_problems(new.warnings),
    }


def _push(given: PushGiven, mesh: Mesh, actor: str, expected: int | None) -> Version:
    try:
        return mesh.push(given.source, given.files, given.env, actor, note=given.note, expected_version=expected)
    except Conflict as error:
        if expected is None:
            raise
        raise Stale(str(error)) from error


@router.post("/policy/check", dependencies=[needs(Role.VIEWER, "policy:read")])
def check(given: PolicyGiven) -> dict[str, Any]:
    """What ``control check`` says of it; nothing is changed."""
    report = check_policy(load(given.source, given.files, given.env), now=int(time.time()))
    return {"ok": report.ok, **report.as_json()}


@router.post("/policy/diff", dependencies=[needs(Role.VIEWER, "policy:read")])
def diff(given: PolicyGiven, mesh: TheMesh) -> dict[str, Any]:
    """What would change if it were pushed now."""
    new = load(given.source, given.files, given.env)
    old, version = _in_force(mesh)
    found = changes(old, new)
    return {
        "against": version,
        "changes": [change.as_json() for change in found],
        "lines": [str(change) for change in found],
    }


@router.post("/explain", dependencies=[needs(Role.VIEWER, "policy:read")])
def explain(given: ExplainGiven, mesh: TheMesh) -> dict[str, Any]:
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
    return {**_explained(explanation), "in_policy": known}


def _in_force(mesh: Mesh) -> tuple[Policy | None, int]:
    try:
        stored = mesh.policy()
    except NotFound:
        return None, 0
    return load(stored.source, stored.files, stored.env), stored.version


def _explained(explanation: Explanation) -> dict[str, Any]:
    decision = explanation.decision
    principal = decision.principal
    return {
        "version": explanation.version,
        "service": explanation.service,
        "allowed": decision.allowed,
        "status": 200 if decision.allowed else status_of(decision.reason),
        "reason": str(decision.reason),
        "detail": decision.detail,
        "route": None if decision.route is None else decision.route.path,
        "principal": None if principal is None else {"issuer": principal.issuer_name, "subject": principal.subject},
        "shadow": list(decision.shadow),
        "steps": explanation.steps,
    }
