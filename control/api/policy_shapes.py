"""What the policy's endpoints answer."""

from pydantic import BaseModel

from control.mesh import Explanation
from control.mesh.versions import Kind
from control.policy import Problem
from sidecar.contract.reasons import status_of

from .problems import MAX_PROBLEMS


class PolicyShown(BaseModel):
    """A policy as it was pushed; ``files``: the names of those it refers to."""

    version: int
    source: str
    files: list[str]
    author: str
    created_at: int


class PlainProblem(BaseModel):
    """One sentence about one place. ``line`` 0: the file as a whole."""

    line: int
    path: str
    message: str


class Pushed(BaseModel):
    """The version that was made."""

    version: int
    kind: Kind
    policy_id: str | None
    note: str
    actor: str
    created_at: int
    warnings: list[PlainProblem]


class TestShown(BaseModel):
    """One test of the policy's own."""

    line: int
    name: str
    passed: bool
    expected: str
    happened: str
    steps: list[str]


class Checked(BaseModel):
    """What was found. Warnings do not make it fail."""

    ok: bool
    name: str
    problems: list[PlainProblem]
    warnings: list[PlainProblem]
    tests: list[TestShown]


class ChangeShown(BaseModel):
    """One difference."""

    kind: str
    where: str
    what: str
    allows_more: bool


class Compared(BaseModel):
    """The differences from the policy of version ``against`` (0: none), for programs and as lines for people."""

    against: int
    changes: list[ChangeShown]
    lines: list[str]


class PrincipalShown(BaseModel):
    """Who asks."""

    issuer: str
    subject: str


class Explained(BaseModel):
    """A decision, and the steps to it. ``in_policy``: whether the policy in force names the service."""

    version: int
    service: str
    allowed: bool
    status: int
    reason: str
    detail: str
    route: str | None
    principal: PrincipalShown | None
    shadow: list[str]
    steps: list[str]
    in_policy: bool


def plain(problems: tuple[Problem, ...] | list[Problem]) -> list[PlainProblem]:
    """The first of them."""
    return [PlainProblem(line=p.line, path=p.path, message=p.message) for p in problems[:MAX_PROBLEMS]]


def explained(explanation: Explanation, *, in_policy: bool) -> Explained:
    """The decision as the API says it."""
    decision = explanation.decision
    principal = decision.principal
    who = None if principal is None else PrincipalShown(issuer=principal.issuer_name, subject=principal.subject)
    return Explained(
        version=explanation.version,
        service=explanation.service,
        allowed=decision.allowed,
        status=200 if decision.allowed else status_of(decision.reason),
        reason=str(decision.reason),
        detail=decision.detail,
        route=None if decision.route is None else decision.route.path,
        principal=who,
        shadow=list(decision.shadow),
        steps=list(explanation.steps),
        in_policy=in_policy,
    )
