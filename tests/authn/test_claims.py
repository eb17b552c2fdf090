"""Paths into the claims."""

from typing import Any

import pytest

from sidecar.authn.claims import ABSENT, claim_at

CLAIMS: dict[str, Any] = {
    "sub": "7",
    "null": None,
    "https://shop.test/roles": ["a"],
    "realm": {"roles": ["a", "b"]},
    "orgs": [
        {"id": 1, "roles": [{"name": "x"}, {"name": "y"}]},
        {"id": 2},
        "not an object",
        {"roles": [{"name": "z"}, {"other": "w"}, ["name"]]},
    ],
    "empty": [],
    "lists": [["a", "b"], ["c"]],
}
PATHS: list[tuple[tuple[str, ...], Any]] = [
    (("sub",), "7"),
    (("null",), None),
    (("https://shop.test/roles",), ["a"]),
    (("realm", "roles"), ["a", "b"]),
    (("realm", "roles", "[]"), ["a", "b"]),
    (("orgs", "[]", "id"), [1, 2]),
    (("orgs", "[]", "roles", "[]", "name"), ["x", "y", "z"]),
    (("lists", "[]"), [["a", "b"], ["c"]]),
    (("lists", "[]", "[]"), ["a", "b", "c"]),
    (("nothing",), ABSENT),
    (("sub", "7"), ABSENT),
    (("sub", "[]"), ABSENT),
    (("realm", "[]"), ABSENT),
    (("realm", "roles", "0"), ABSENT),
    (("orgs", "[]", "nothing"), ABSENT),
    (("empty", "[]"), ABSENT),
    (("[]",), ABSENT),
]


@pytest.mark.parametrize(("path", "value"), PATHS, ids=str)
def test_leads_to(path: tuple[str, ...], value: Any) -> None:
    """A name steps into an object, ``[]`` into every member of a list; nothing found is nothing there."""
    found = claim_at(CLAIMS, path)
    assert found is ABSENT if value is ABSENT else found == value
