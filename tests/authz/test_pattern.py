"""A route's path, compiled or refused with a sentence. What matches what stands in docs/paths.md."""

import pytest

from sidecar.authz.pattern import compile_pattern

REFUSED = {
    "": "does not begin with '/'",
    "orders": "does not begin with '/'",
    "*": "does not begin with '/'",
    "/a?b": "a query",
    "/a#b": "a fragment",
    "/a\\b": "a backslash",
    "/a;v=1": "parameters",
    "//": "'//'",
    "/a//b": "'//'",
    "/a//": "'//'",
    "/a/../b": "a dot segment",
    "/a/./b": "a dot segment",
    "/a/%2e%2E": "a dot segment",
    "/**/b": "'**' may only stand last",
    "/a/**/**": "'**' may only stand last",
    "/a*": "whole segment",
    "/*.json": "whole segment",
    "/***": "whole segment",
    "/a{id}": "whole segment",
    "/{id}.json": "whole segment",
    "/{}": "whole segment",
    "/{a b}": "whole segment",
    "/{1}": "whole segment",
    "/{id}/{id}": "a name twice",
    "/a%3Bb": "an encoded ';'",
    "/a%2Fb": "can never match",
    "/a%5Cb": "can never match",
    "/a%00": "can never match",
    "/a%252fb": "can never match",
    "/a%": "can never match",
    "/a%zz": "can never match",
    "/caf%E9": "can never match",
    "/a\nb": "can never match",
    "/a\ud800": "can never match",
}


@pytest.mark.parametrize(("text", "sentence"), REFUSED.items(), ids=[ascii(text) for text in REFUSED])
def test_refuses(text: str, sentence: str) -> None:
    """A pattern that no normalised path could match is refused, and the sentence says why."""
    with pytest.raises(ValueError, match=r".") as caught:
        compile_pattern(text)
    assert sentence in str(caught.value)


def test_names_its_segments() -> None:
    """Parameters are as the service will read them."""
    pattern = compile_pattern("/{tenant}/orders/{id}/**")
    assert pattern.parameters(("acme", "orders", "a b", "x")) == {"tenant": "acme", "id": "a b"}
