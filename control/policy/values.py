"""The small words of the language: durations, claim paths, names, scopes, methods, headers.

Each reader takes what stood in the document and returns what it means, or raises ``said(...)``: a sentence that
says what to write. The JSON Schema beside each reader is for editors; the reader is the truth.
"""

import re
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from sidecar.contract.snapshot import ClaimPath

from .problems import quoted

_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h)\Z")
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_ISSUER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}\Z")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}\Z")
_METHOD = re.compile(r"[A-Z][A-Z-]{0,30}\Z")
_EACH = re.compile(r"(?<=[^.])\[\]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")

MAX_STEPS = 8
OWN_VARIABLES = "CONTROL_"
"""How the names of control's own settings begin; one of them is the operator credential."""


def said(sentence: str, *at: str | int) -> PydanticCustomError:
    """What is wrong, for people; ``at`` are further steps down to it."""
    return PydanticCustomError("said", "{sentence}", {"sentence": sentence, "at": at})


def text(value: Any) -> str:
    """Text that is not empty."""
    if isinstance(value, str):
        if value:
            return value
        raise said("must not be empty")
    if isinstance(value, bool | int | float):
        shown = str(value).lower() if isinstance(value, bool) else str(value)
        raise said(f"must be text: write '{shown}' in quotes")
    raise said(f"must be text, not {kind(value)}")


def kind(value: object) -> str:
    """What a value is, in the words of people who write YAML."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"


def milliseconds(value: Any) -> int:
    """``250ms`` ``5s`` ``10m`` ``2h`` as milliseconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise said(f"{value} of what? Write a unit: {value}s")
    found = _DURATION.match(text(value))
    if not found:
        raise said(f"{quoted(value)} is no duration: write 250ms, 5s, 10m or 2h")
    return int(found[1]) * _UNITS_MS[found[2]]


def _signed_milliseconds(value: Any) -> int:
    if isinstance(value, str) and value.startswith("-"):
        return -milliseconds(value[1:])
    return milliseconds(value)


def timeout(value: Any) -> int:
    """A route's timeout, in milliseconds."""
    found = milliseconds(value)
    if not 1 <= found <= 86_400_000:
        raise said("a timeout lies between 1ms and 24h")
    return found


def lifetime(value: Any) -> int:
    """The longest life of a token, in whole seconds."""
    found = milliseconds(value)
    if found % 1000 or not 1 <= found // 1000 <= 10 * 366 * 86_400:
        raise said("max_lifetime is in whole seconds, 1s at the least")
    return found // 1000


def leeway(value: Any) -> int:
    """How far clocks may differ, in whole seconds."""
    found = milliseconds(value)
    if found % 1000 or found > 600_000:
        raise said("leeway is in whole seconds, and 10m at the most")
    return found // 1000


def claim_path(value: Any) -> ClaimPath:
    """``realm_access.roles``, ``groups[].name`` (of each member), or a list of steps for names with dots in them."""
    if isinstance(value, list):
        if not 1 <= len(value) <= MAX_STEPS:
            raise said(f"a claim path has between 1 and {MAX_STEPS} steps")
        return tuple(text(step) for step in value)
    word = text(value)
    if "/" in word or ":" in word:
        raise said(f"the name of a claim with '/' or ':' is written as a list of steps: [{word}]")
    steps = tuple(_EACH.sub(".[]", word).split("."))
    if not all(steps) or len(steps) > MAX_STEPS:
        raise said(f"{quoted(word)} is no claim path: write steps with dots between them, such as realm_access.roles")
    return steps


def claim_paths(value: Any) -> tuple[ClaimPath, ...]:
    """One place, or several as a list of lists of steps or as ``{any_of: [PATH, PATH]}``."""
    if isinstance(value, dict):
        if set(value) != {"any_of"} or not isinstance(value["any_of"], list) or not value["any_of"]:
            raise said("several places are written {any_of: [PATH, PATH]}")
        return tuple(dict.fromkeys(claim_path(path) for path in value["any_of"]))
    if isinstance(value, list) and value and all(isinstance(path, list) for path in value):
        return tuple(dict.fromkeys(claim_path(path) for path in value))
    return (claim_path(value),)


def claims_expression(value: Any) -> ClaimPath:
    """``claims.tenant``, or a list of steps that begins with ``claims``."""
    steps = claim_path(value)
    if steps[0] != "claims" or len(steps) < 2:
        raise said("a forwarded header takes its value from the claims: write claims.NAME")
    return steps[1:]


def service_name(value: Any) -> str:
    """A DNS label (RFC 1123): it becomes part of addresses, audiences and certificates."""
    word = text(value)
    if not _LABEL.match(word):
        raise said(
            f"{quoted(word)} is no service name: lower-case letters, digits and hyphens, at most 63, as in a host name"
        )
    return word


def trust_domain(value: Any) -> str:
    """DNS labels with dots between them."""
    word = text(value)
    if len(word) > 190 or not all(_LABEL.match(label) for label in word.split(".")):
        raise said(f"{quoted(word)} is no trust domain: write it as a lower-case host name, such as shop.test")
    return word


def host_name(value: Any) -> str:
    """A host alone: no scheme, no port, no path."""
    word = text(value)
    if len(word) > 253 or not all(_LABEL.match(label) for label in word.split(".")):
        raise said(f"{quoted(word)} is no host name: write it in lower case without https:// and without a path")
    return word


def issuer_name(value: Any) -> str:
    """What the policy, ``revoke`` and the logs call an issuer."""
    word = text(value)
    if not _ISSUER_NAME.match(word):
        raise said(f"{quoted(word)} is no name for an issuer: letters, digits, '-', '_' and '.', at most 63")
    return word


def caller_name(value: Any) -> str:
    """A service, or a workload that control knows."""
    word = text(value)
    if not _LABEL.match(word):
        raise said(f"{quoted(word)} is no name of a service or workload")
    return word


def label(value: Any) -> str:
    """What logs call a rule."""
    word = text(value)
    if not _ISSUER_NAME.match(word):
        raise said(f"{quoted(word)} is no name for a rule: letters, digits, '-', '_' and '.', at most 63")
    return word


def address(value: Any) -> str:
    """An IP address."""
    word = text(value)
    try:
        return str(ip_address(word))
    except ValueError:
        raise said(f"{quoted(word)} is no IP address") from None


def max_age(value: Any) -> int:
    """How long a preflight's answer counts, in whole seconds."""
    found = milliseconds(value)
    if found % 1000 or found > 86_400_000:
        raise said("max_age is in whole seconds, and 24h at the most")
    return found // 1000


def scope(value: Any) -> str:
    """One scope-token (RFC 6749 section 3.3)."""
    word = text(value)
    if " " in word:
        raise said(f"{quoted(word)} is more than one scope: write [{', '.join(word.split())}]")
    if not _SCOPE.match(word):
        raise said(f"{quoted(word)} is no scope (RFC 6749 section 3.3)")
    return word


def method(value: Any) -> str:
    """A method, in the capitals that HTTP gives it (RFC 9110 section 9.1: case matters)."""
    word = text(value)
    if not _METHOD.match(word):
        hint = f": write {word.upper()}" if _METHOD.match(word.upper()) else ""
        raise said(f"{quoted(word)} is no method{hint}")
    if word == "CONNECT":
        raise said("CONNECT is not offered: a sidecar is no tunnel")
    return word


def variable(value: Any) -> str:
    """The name of an environment variable."""
    word = text(value)
    if not _VARIABLE.match(word):
        raise said(f"{quoted(word)} is no name of an environment variable")
    if word.startswith(OWN_VARIABLES):
        raise said(f"{word} is control's own: it must not travel to sidecars as a key")
    return word


_REF = r"|.*\$\{.*"
_DURATION_SCHEMA = {"type": "string", "pattern": rf"^([0-9]+(ms|s|m|h){_REF})$", "examples": ["5s", "250ms", "10m"]}
_STEPS_SCHEMA = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_STEPS}

Text = Annotated[str, PlainValidator(text), WithJsonSchema({"type": "string", "minLength": 1})]
Timeout = Annotated[int, PlainValidator(timeout), WithJsonSchema(_DURATION_SCHEMA)]
Leeway = Annotated[int, PlainValidator(leeway), WithJsonSchema(_DURATION_SCHEMA)]
Offset = Annotated[
    int,
    PlainValidator(_signed_milliseconds),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(ms|s|m|h)$", "examples": ["-10s", "5m"]}),
]
Lifetime = Annotated[int, PlainValidator(lifetime), WithJsonSchema(_DURATION_SCHEMA)]
_PATH_SCHEMA = {"oneOf": [{"type": "string"}, _STEPS_SCHEMA]}
ClaimPathsText = Annotated[
    tuple[ClaimPath, ...],
    PlainValidator(claim_paths),
    WithJsonSchema(
        {
            "oneOf": [
                {"type": "string"},
                _STEPS_SCHEMA,
                {"type": "array", "items": _STEPS_SCHEMA, "minItems": 1},
                {
                    "type": "object",
                    "properties": {"any_of": {"type": "array", "items": _PATH_SCHEMA, "minItems": 1}},
                    "required": ["any_of"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
ClaimPathText = Annotated[ClaimPath, PlainValidator(claim_path), WithJsonSchema(_PATH_SCHEMA)]
ClaimsExpression = Annotated[
    ClaimPath,
    PlainValidator(claims_expression),
    WithJsonSchema({"oneOf": [{"type": "string", "pattern": r"^claims\..+"}, _STEPS_SCHEMA]}),
]
ServiceName = Annotated[str, AfterValidator(service_name)]
TrustDomain = Annotated[
    str, PlainValidator(trust_domain), WithJsonSchema({"type": "string", "examples": ["shop.test"]})
]
IssuerName = Annotated[str, AfterValidator(issuer_name)]
IssuerReference = Annotated[str, PlainValidator(issuer_name), WithJsonSchema({"type": "string"})]
Scope = Annotated[str, PlainValidator(scope), WithJsonSchema({"type": "string", "examples": ["orders:read"]})]
Method = Annotated[
    str,
    PlainValidator(method),
    WithJsonSchema({"type": "string", "examples": ["GET", "POST", "PUT", "DELETE"]}),
]
MaxAge = Annotated[int, PlainValidator(max_age), WithJsonSchema(_DURATION_SCHEMA)]
Address = Annotated[str, PlainValidator(address), WithJsonSchema({"type": "string", "examples": ["203.0.113.7"]})]
Variable = Annotated[str, PlainValidator(variable), WithJsonSchema({"type": "string"})]
