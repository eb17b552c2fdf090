"""Policy text -> Policy, or every problem in it at once.

First the shape, then, section by section, what the shape cannot say: that names refer to something, that keys are
there and strong. Reads no disk and no environment: what the text refers to comes in as arguments.
"""

from collections.abc import Mapping

from pydantic import ValidationError

from .document import Document, Plain, read
from .findings import Findings
from .issuer_section import IssuerSection
from .model import Policy
from .problems import Path, PolicyErrors
from .sentences import note_problems
from .service_section import ServiceSection
from .shape import PolicyShape
from .tests_section import TestsSection


def load(source: str, files: Mapping[str, str], env: Mapping[str, str], name: str = "policy.yaml") -> Policy:
    """The policy in ``source``; PolicyErrors with all of its problems, sorted by line. ``files`` are the texts that
    it names, ``env`` the values of its ``${NAME}``s."""
    document = read(source, env, name)
    _refuse_nothing(document)
    try:
        shape = PolicyShape.model_validate(document.root)
    except ValidationError as error:
        note_problems(error, document, PolicyShape)
        raise PolicyErrors(name, document.problems) from error
    findings = Findings(document)
    builtin = next((name for name, issuer in shape.issuers.items() if issuer.builtin), "")
    policy = Policy(
        trust_domain=shape.trust_domain,
        issuers=IssuerSection(findings, files).read(shape.issuers),
        services=ServiceSection(findings, tuple(shape.issuers), builtin).read(shape.services),
        tests=TestsSection(findings, shape).read(shape.tests),
        warnings=tuple(sorted(findings.warnings, key=lambda warning: warning.line)),
        name=name,
    )
    if document.problems:
        raise PolicyErrors(name, document.problems)
    return policy


def _refuse_nothing(document: Document) -> None:
    """A key with nothing after it is an unfinished line, and must not quietly mean "no restriction"."""
    for path in list(document.lines):
        if path and path[0] != "tests" and _value_at(document.root, path) is None:
            document.problem(path, "has no value")


def _value_at(value: Plain, path: Path) -> Plain:
    for step in path:
        if isinstance(value, dict):
            value = value[str(step)]
        elif isinstance(value, list):
            value = value[int(step)]
    return value
