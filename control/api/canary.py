"""The canary: a policy that a few sidecars try before all get it; and the freeze."""

from collections.abc import Sequence
from typing import Annotated, Literal

import trio
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.status import HTTP_201_CREATED, HTTP_204_NO_CONTENT

from control.distribution import SidecarView
from control.identity import Role
from control.mesh import Mesh, Version
from control.mesh.canaries import Canary, Verdict
from control.mesh.freeze import Frozen
from control.mesh.inputs import providers_of
from control.mesh.trials import Begun
from control.policy import load
from control.rollout.judge import Comparison, Tally
from control.rollout.watch import Report, Watch

from .access import needs
from .given import MAX_NUMBER, Actor, Given, PolicyGiven, TheFleet, TheMesh, TheRefresher, shown_as
from .policy import OBTAIN_WITHIN_S
from .preconditions import IfMatch
from .versions import MAX_WAIT_S

router = APIRouter(prefix="/v1", tags=["rollout"])

NO_CANARY: dict[int | str, dict[str, object]] = {404: {"description": "No canary runs."}}
_SMALL = "trust_domain: shop.test\nissuers: {own: {builtin: true}}\nservices: {orders: {routes: [{path: /**}]}}\n"
Reason = Annotated[str, Field(max_length=500)]


def _watch(request: Request) -> Watch:
    watch: Watch = request.app.state.watch
    return watch


TheWatch = Annotated[Watch, Depends(_watch)]


class CanaryGiven(PolicyGiven):
    """A policy to try on ``percent`` of the sidecars. ``replace``: in place of the canary that runs."""

    model_config = shown_as({"source": _SMALL, "percent": 10, "note": "stricter"})

    percent: Annotated[float, Field(ge=0.01, lt=100, allow_inf_nan=False)]
    note: Reason = ""
    replace: bool = False


class VerdictGiven(Given):
    """Why. ``version``: only if the canary is the one that began with it."""

    model_config = shown_as({"reason": "looks good", "version": 8})

    reason: Reason = ""
    version: Annotated[int, Field(ge=1, le=MAX_NUMBER)] | None = None


class FreezeGiven(Given):
    """Why nobody shall change the policy."""

    model_config = shown_as({"reason": "sale until Monday"})

    reason: Annotated[str, Field(min_length=1, max_length=500)]


class CanaryBegun(BaseModel):
    """``chosen`` of the ``of`` sidecars that are connected and would get something else try it. ``widened``: the
    percentage would have been nobody, so that one was taken."""

    version: int
    policy_id: str
    percent: float
    chosen: int
    of: int
    widened: bool


class Trier(BaseModel):
    """A connected sidecar of the canary."""

    id: str
    service: str
    instance: str
    state: Literal["acked", "nacked", "pending", "idle", "away"]
    reason: str
    version: int


class Rates(BaseModel):
    """What was reported."""

    requests: int
    denied: int
    failed: int


class Compared(BaseModel):
    """One service: the canary's sidecars against the others meanwhile (stable), or against all of them before it began
    (before). ``enough``: the others had requests enough to be a measure."""

    service: str
    against: Literal["stable", "before"]
    canary: Rates
    others: Rates
    enough: bool


class Terms(BaseModel):
    """What a verdict takes. A margin of 0.01 is one request more in a hundred."""

    min_s: int
    min_requests: int
    error_margin: float
    denial_margin: float


class CanaryShown(BaseModel):
    """A canary, the one that runs or the last. ``state``: running, promoted, aborted or replaced; ``reason`` why it
    ended, or what there is to say now; ``missing``: what keeps it from being promoted. ``percent`` is what was asked,
    ``share`` what is in force."""

    version: int
    state: Literal["running", "promoted", "aborted", "replaced"]
    reason: str
    policy_id: str
    percent: float
    share: float
    begun_at: int
    actor: str
    ended: int | None
    missing: list[str]
    sidecars: list[Trier]
    services: list[Compared]
    terms: Terms


class CanaryState(BaseModel):
    """``canary`` is null if there never was one."""

    canary: CanaryShown | None


class FreezeState(BaseModel):
    """``frozen`` is null if nobody keeps the policy from being changed."""

    frozen: Frozen | None


@router.post("/canary", status_code=HTTP_201_CREATED, dependencies=[needs(Role.EDITOR, "policy:write")])
async def begin_canary(
    given: CanaryGiven, mesh: TheMesh, fleet: TheFleet, refresher: TheRefresher, actor: Actor, if_match: IfMatch
) -> CanaryBegun:
    """Checks a policy, runs its tests and lets some sidecars try it: the same ones until it ends. 409 if one runs
    already, if nothing would be different, or if nobody is connected to try it."""
    current = await trio.to_thread.run_sync(mesh.current)
    expected = if_match.version(0 if current is None else current.version)
    new = await trio.to_thread.run_sync(load, given.source, given.files, given.env)
    await refresher.obtain(providers_of(new), OBTAIN_WITHIN_S)
    here = [(one.sidecar_id, one.service) for one in await fleet.sidecars() if one.connected]
    begun = await trio.to_thread.run_sync(_begin, mesh, given, actor, here, expected)
    return CanaryBegun(
        version=begun.version.version,
        policy_id=begun.policy_id,
        percent=given.percent,
        chosen=begun.chosen,
        of=begun.of,
        widened=begun.widened,
    )


@router.get("/canary", dependencies=[needs(Role.VIEWER, "policy:read")])
async def get_canary(
    mesh: TheMesh,
    watch: TheWatch,
    wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S, allow_inf_nan=False)] = 0,
) -> CanaryState:
    """The canary that runs, or else the last one: who tries it, their numbers against the others', what is missing for
    a verdict. With ``wait_s``: as soon as it has ended."""
    with trio.move_on_after(wait_s):
        await watch.until_ended()
    report = await watch.report()
    if report is not None:
        return CanaryState(canary=_running(report, watch))
    last = await trio.to_thread.run_sync(mesh.canaries.last)
    return CanaryState(canary=None if last is None else _shown(last, watch, last.reason))


@router.post(
    "/canary/promote",
    status_code=HTTP_201_CREATED,
    dependencies=[needs(Role.EDITOR, "policy:write")],
    responses=NO_CANARY,
)
def promote_canary(given: VerdictGiven, mesh: TheMesh, actor: Actor) -> Version:
    """Puts the policy on trial in force for all, as a new version."""
    return mesh.canaries.promote(actor, given.reason, given.version)


@router.post(
    "/canary/abort",
    status_code=HTTP_201_CREATED,
    dependencies=[needs(Role.EDITOR, "policy:write")],
    responses=NO_CANARY,
)
def abort_canary(given: VerdictGiven, mesh: TheMesh, actor: Actor) -> Version:
    """Nobody tries it any more, from a new version on. Goes through while the mesh is frozen."""
    return mesh.canaries.abort(actor, given.reason, given.version)


@router.get("/freeze", dependencies=[needs(Role.VIEWER, "policy:read")])
def get_freeze(mesh: TheMesh) -> FreezeState:
    """Whether, by whom and why the policy is kept from being changed."""
    return FreezeState(frozen=mesh.freezes.current())


@router.put("/freeze", dependencies=[needs(Role.OPERATOR, "policy:write")])
def freeze(given: FreezeGiven, mesh: TheMesh, actor: Actor) -> FreezeState:
    """Push, rollback, canaries and their promotion are 409 from now on. Revocations, keys and the end of a canary go
    through."""
    return FreezeState(frozen=mesh.freezes.begin(actor, given.reason))


@router.delete("/freeze", status_code=HTTP_204_NO_CONTENT, dependencies=[needs(Role.OPERATOR, "policy:write")])
def unfreeze(mesh: TheMesh, actor: Actor) -> None:
    """The policy may be changed again."""
    mesh.freezes.end(actor)


def _begin(mesh: Mesh, given: CanaryGiven, actor: str, here: Sequence[tuple[str, str]], expected: int | None) -> Begun:
    return mesh.canaries.begin(
        given.source,
        given.files,
        given.env,
        actor,
        share=max(1, round(given.percent * 100)),
        note=given.note,
        connected=here,
        replace=given.replace,
        expected_version=expected,
    )


def _running(report: Report, watch: Watch) -> CanaryShown:
    shown = _shown(report.canary, watch, report.verdict.sentence)
    shown.missing = list(report.verdict.missing)
    shown.sidecars = [_trier(one) for one in sorted(report.members, key=lambda one: (one.service, one.instance))]
    shown.services = [_compared(one) for one in report.comparisons]
    return shown


def _shown(canary: Canary, watch: Watch, reason: str) -> CanaryShown:
    terms = watch.terms
    return CanaryShown(
        version=canary.since,
        state=_state(canary.verdict),
        reason=reason,
        policy_id=canary.policy_id,
        percent=canary.asked / 100,
        share=canary.share / 100,
        begun_at=canary.begun_at,
        actor=canary.actor,
        ended=canary.ended,
        missing=[],
        sidecars=[],
        services=[],
        terms=Terms(
            min_s=terms.min_s,
            min_requests=terms.min_requests,
            error_margin=terms.error_margin,
            denial_margin=terms.denial_margin,
        ),
    )


def _state(verdict: Verdict) -> Literal["running", "promoted", "aborted", "replaced"]:
    return verdict or "running"


def _trier(one: SidecarView) -> Trier:
    return Trier(
        id=one.sidecar_id,
        service=one.service,
        instance=one.instance,
        state=one.state,
        reason=one.reason,
        version=one.version,
    )


def _compared(one: Comparison) -> Compared:
    return Compared(
        service=one.service,
        against="stable" if one.against == "stable" else "before",
        canary=_rates(one.candidate),
        others=_rates(one.others),
        enough=one.enough,
    )


def _rates(one: Tally) -> Rates:
    return Rates(requests=round(one.requests), denied=round(one.denied), failed=round(one.failed))
