"""Is a policy fit to be pushed? Compiles it for every service and runs the file's own tests.

The tests run through the very evaluator that the sidecars use: a second one would be a second truth. No network,
no clock: ``now`` is an argument, and the built-in issuer needs no keys, since a test's token is not signed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.authz.evaluator import Decision, Evaluator, RequestFacts
from sidecar.contract.reasons import status_of
from sidecar.contract.snapshot import ClaimPath, Snapshot, Workload
from sidecar.contract.strict import ContractError

from .compile import OwnIssuer, Secrets, compile_snapshot
from .model import Policy, PolicyTest
from .problems import PolicyErrors, Problem, quoted, spell, suggestion

_LIFE_S = 300
_SUBJECT = "someone"
_ADDRESS = "192.0.2.1"  # RFC 5737: nobody's
_PLACEHOLDER = "policy-check-has-no-secret-and-needs-none-because-tokens-in-tests-are-not-signed"


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test of the file: what it expected, what happened, and the decision's steps."""

    __test__ = False  # pytest: not a test class

    line: int
    name: str
    passed: bool
    expected: str
    happened: str
    steps: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "line": self.line,
            "name": self.name,
            "passed": self.passed,
            "expected": self.expected,
            "happened": self.happened,
            "steps": list(self.steps),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What ``check`` found. Warnings do not make it fail."""

    name: str
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    tests: tuple[TestResult, ...] = ()

    @property
    def ok(self) -> bool:
        """May it be pushed?"""
        return not self.problems and all(test.passed for test in self.tests)

    def format(self) -> str:
        """For people: problems, warnings, each failed test with its reasons, and a closing line."""
        lines = [problem.format(self.name) for problem in self.problems]
        lines += [f"{warning.format(self.name)} (warning)" for warning in self.warnings]
        for test in self.tests:
            if not test.passed:
                lines.append(f"{self.name}:{test.line}: test failed: {test.name}")
                lines.append(f"    expected {test.expected}, got {test.happened}")
                lines += [f"      {step}" for step in test.steps]
        passed = sum(test.passed for test in self.tests)
        told = f"{passed} of {len(self.tests)} tests passed" if self.tests else "it has no tests"
        lines.append(f"{self.name}: {'ok' if self.ok else 'not ok'}, {told}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "ok": self.ok,
            "name": self.name,
            "problems": [problem.as_json() for problem in self.problems],
            "warnings": [warning.as_json() for warning in self.warnings],
            "tests": [test.as_json() for test in self.tests],
        }


def failed_report(error: PolicyErrors) -> Report:
    """The report on a policy that could not even be loaded."""
    return Report(error.name, tuple(error.problems))


def check(
    policy: Policy,
    *,
    now: int,
    own: OwnIssuer | None = None,
    secrets: Secrets | None = None,
    workloads: Sequence[Workload] = (),
) -> Report:
    """Compile ``policy`` for each service and run its tests at ``now``. With ``secrets`` None (offline) shared
    secrets are taken to be there; control itself passes its environment, and a missing one is a problem.
    ``workloads``: those that control knows beside the policy's services."""
    problems: list[Problem] = []
    evaluators: dict[str, Evaluator] = {}
    builtin = next((issuer.name for issuer in policy.issuers if issuer.builtin), "")
    for service in policy.services:
        try:
            snapshot = compile_snapshot(
                policy,
                service.name,
                version=1,
                issued_at=now,
                own=own,
                secrets=secrets or (lambda _: _PLACEHOLDER),
                workloads=_posed(policy, builtin, workloads),
            )
            evaluators[service.name] = Evaluator(snapshot)
        except PolicyErrors as error:
            problems += error.problems
        except ContractError as error:
            problems.append(Problem(service.line, spell(("services", service.name)), str(error)))
    problems += _unknown_callers(policy, workloads)
    tests = tuple(run(test, evaluators[test.service], now) for test in policy.tests if test.service in evaluators)
    unique = tuple(sorted(set(problems), key=lambda problem: (problem.line, problem.message)))
    return Report(policy.name, unique, policy.warnings, tests)


def _posed(policy: Policy, builtin: str, workloads: Sequence[Workload]) -> tuple[Workload, ...]:
    """In a test, a workload is known by its own name, whatever tokens control has given it."""
    known = {workload.name: workload.issuer for workload in workloads}
    known = {**dict.fromkeys(policy.service_names, builtin), **known}
    return tuple(Workload(name, issuer, (name,)) for name, issuer in known.items())


def _unknown_callers(policy: Policy, workloads: Sequence[Workload]) -> Iterator[Problem]:
    known = (*policy.service_names, *(workload.name for workload in workloads))
    for test in policy.tests:
        if test.caller and test.caller not in known:
            told = f"{quoted(test.caller)} is no service here and no application (control app add)"
            yield Problem(test.line, "tests", told + suggestion(test.caller, known))


def run(test: PolicyTest, evaluator: Evaluator, now: int) -> TestResult:
    """One test, decided as a sidecar would."""
    steps: list[str] = []
    claims = None if test.claims is None else _claims(test, evaluator.snapshot, now)
    request = RequestFacts(
        test.method,
        test.path.encode("utf-8", "surrogatepass"),
        tuple((name.lower().encode(), value.encode()) for name, value in test.headers),
        test.host or test.service,
        test.address or _ADDRESS,
    )
    decision = evaluator.evaluate_claims(request, test.issuer, claims, now, steps)
    expected, happened = str(test.expect), _happened(decision)
    passed = test.expect.met_by(decision.reason)
    if test.shadow is not None:
        passed = passed and _shadow_met(test.shadow, decision.shadow)
        expected += f", in shadow {', '.join(test.shadow) or 'nothing'}"
        happened += f", in shadow {', '.join(decision.shadow) or 'nothing'}"
    return TestResult(test.line, test.name, passed, expected, happened, tuple(steps))


def _shadow_met(expected: Sequence[str], recorded: Sequence[str]) -> bool:
    """Each by its whole line (``route 3: insufficient_scope``) or by either half of it, and no others."""
    left = list(recorded)
    for word in expected:
        line = next((line for line in left if word == line or word in line.split(": ", 1)), None)
        if line is None:
            return False
        left.remove(line)
    return not left


def _happened(decision: Decision) -> str:
    if decision.allowed:
        return f"allow ({decision.detail})"
    return f"{status_of(decision.reason)} {decision.reason} ({decision.detail})"


def _claims(test: PolicyTest, snapshot: Snapshot, now: int) -> Mapping[str, Any]:
    """The test's claims upon those of a token that would do."""
    issuer = next((issuer for issuer in snapshot.issuers if issuer.name == test.issuer), None)
    said = dict(test.claims or {})
    expires_in = _LIFE_S if test.expires_in_ms is None else test.expires_in_ms / 1000
    usual: dict[str, Any] = {"iat": min(now, now + int(expires_in)), "exp": now + expires_in}
    if issuer is not None:
        usual["iss"] = issuer.issuer
        _put(said, issuer.claims.audience, issuer.audiences[0])
        for name, places in (("roles", issuer.claims.roles), ("scope", issuer.claims.scopes)):
            if name in said and not any(place[0] == name for place in places):
                _put(said, places[0], said[name])
        _put(said, issuer.claims.subject, test.caller or _SUBJECT)
        if test.caller:
            _put(said, issuer.claims.client[0], test.caller)
        for path in issuer.required_claims:
            _put(said, path, _SUBJECT)
    return {**usual, **said}


def _put(claims: dict[str, Any], path: ClaimPath, value: Any) -> None:
    """``value`` at ``path``, unless the test says something there itself."""
    for step in path[:-1]:
        inner = claims.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        claims[step] = claims = dict(inner)
    claims.setdefault(path[-1], value)
