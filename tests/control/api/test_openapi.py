"""The OpenAPI document: whole, valid, what is kept in docs, and what is served."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from control.api import access
from control.api.app import ROOMS, rooms
from control.api.openapi import SAID, TAGS, text
from control.api.preconditions import read_tags

KEPT = Path(__file__).parents[3] / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = rooms().openapi()
OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def test_the_document_in_docs_is_this_one() -> None:
    """``make openapi`` writes it."""
    assert KEPT.read_text() == text(rooms())


async def test_it_is_served(http: httpx.AsyncClient) -> None:
    """To whoever has a credential; the status page is no part of it."""
    assert (await http.get("/v1/openapi.json")).json() == DOCUMENT
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_endpoint_is_in_it() -> None:
    """With the role and scope that it asks for."""
    offered = dict(OPERATIONS)
    for room in ROOMS:
        for route in room.router.routes:
            assert isinstance(route, APIRoute)
            for method in route.methods:
                operation = offered.pop(f"{method} {route.path}")
                if route.path.startswith("/v1"):
                    assert operation["security"] == [{"operator": list(access.requirement_of(route))}]
    assert not offered


def test_operations_have_names_of_their_own() -> None:
    """Programs made from the document call them by these."""
    names = [operation["operationId"] for _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_every_answer_has_a_shape(name: str, operation: dict[str, Any]) -> None:
    """No status without a schema but those without a body, and no schema that says nothing."""
    assert operation["description"]
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            answer = DOCUMENT["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        assert answer["description"]
        if status in ("204", "304"):
            assert "content" not in answer
        else:
            assert all(media.get("schema") for media in answer["content"].values()), (name, status)
    needed = {"400", "408", "413", "500", "503"}
    if " /v1" in name:
        needed |= {"401", "403", "406", "422", "429"}
    assert needed <= set(operation["responses"])


def test_the_answers_to_all_have_their_fields() -> None:
    """The challenge, and when to come back."""
    answers = DOCUMENT["components"]["responses"]
    assert answers["Problem401"]["headers"]["WWW-Authenticate"]["required"]
    assert answers["Problem429"]["headers"]["Retry-After"]["required"]
    assert {f"Problem{status}" for status in SAID if status != 304} == set(answers)


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_bodies_have_examples(name: str, operation: dict[str, Any]) -> None:
    """So that nobody has to guess."""
    if " /v1" not in name or "requestBody" not in operation:
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    references = [schema, *schema.get("anyOf", ())]
    named = [one["$ref"].rpartition("/")[2] for one in references if "$ref" in one]
    assert all(DOCUMENT["components"]["schemas"][one]["examples"] for one in named)


@pytest.mark.parametrize("value", ["*", '"7"', 'W/"a", "b"', '""'])
def test_tags_are_described_as_they_are_read(value: str) -> None:
    """What the document allows is read."""
    assert re.search(TAGS, value)
    assert read_tags([value], "If-Match")
