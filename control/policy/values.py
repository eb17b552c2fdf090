"""The small words of the language: text, names, scopes, methods, addresses, variables.

Each reader takes what stood in the document and returns what it means, or raises ``said(...)``: a sentence that
says what to write. The JSON Schema beside each reader is for editors; the reader is the truth.
"""

import re
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from .problems import quoted

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_ISSUER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}\Z")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}\Z")
_METHOD = re.compile(r"[A-Z][A-Z-]{0,30}\Z")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")

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


Text = Annotated[str, PlainValidator(text), WithJsonSchema({"type": "string", "minLength": 1})]
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
Address = Annotated[str, PlainValidator(address), WithJsonSchema({"type": "string", "examples": ["203.0.113.7"]})]
Variable = Annotated[str, PlainValidator(variable), WithJsonSchema({"type": "string"})]
