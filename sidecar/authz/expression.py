"""What a CEL expression may say, read before it is compiled: names that exist, and work that is bounded.

CEL finds an unknown variable when a request comes; a policy is refused with a sentence before that. Headers, query
parameters and path segments are read by names that are written out, so that it is known which of them a request must
not give twice. Credentials are not to be read. Refuses to know what an expression means: ``condition`` runs it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sidecar.contract.names import plain

from .effort import MAX_EFFORT, effort, pattern_in

MAX_CHARS = 2048
MAX_NESTING = 32
MAX_MACROS = 8

MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})
METHODS = frozenset({"contains", "startsWith", "endsWith", "matches", "size"}) | MACROS
FUNCTIONS = frozenset({"has", "size", "int", "uint", "double", "string"})
MEMBERS = {
    "request": frozenset({"method", "path", "host", "scheme", "headers", "query"}),
    "principal": frozenset({"subject", "issuer", "client", "scopes", "roles"}),
    "source": frozenset({"address"}),
}
VARIABLES = frozenset({"claims", "path", "now", *MEMBERS})
SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})

_STRINGS = (
    r"[rR]\"\"\"[\s\S]*?\"\"\"|[rR]'''[\s\S]*?'''|[rR]\"[^\"\r\n]*\"|[rR]'[^'\r\n]*'"
    r"|\"\"\"(?:[^\\]|\\[\s\S])*?\"\"\"|'''(?:[^\\]|\\[\s\S])*?'''|\"(?:[^\"\\\r\n]|\\.)*\"|'(?:[^'\\\r\n]|\\.)*'"
)
_TOKEN = re.compile(
    rf"(?P<space>[ \t\r\n\f]+|//[^\r\n]*)|(?P<string>{_STRINGS})|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>0[xX][0-9A-Fa-f]+[uU]?|[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?[uU]?)"
    r"|(?P<mark>&&|\|\||[=!<>]=|[-+*/%!<>?:.,()\[\]])"
)
_CONSTANTS = frozenset({"true", "false", "null", "in"})
_PLAIN = re.compile(r"(['\"])([^'\"\\]+)\1")


@dataclass(frozen=True, slots=True)
class Hidden:
    """Headers and query parameters in which some route looks for a credential."""

    headers: frozenset[str] = frozenset()
    query: frozenset[str] = frozenset()

    def header(self, name: str) -> bool:
        """May a header of this name, in any spelling, hold a credential?"""
        return any(_plain(name) == _plain(hidden) for hidden in SECRET_HEADERS | self.headers)


def _plain(name: str) -> bytes:
    return plain(name.encode("utf-8", "surrogatepass"))


@dataclass(slots=True)
class Expression:
    """What an expression reads, and how often it does what costs. ``headers`` and ``query``: the names. ``macros`` walk
    through lists, ``copies`` of them make another; ``steps`` are taken in them for each member. ``uses``: of variables;
    ``inner``: what of them is used in a macro. ``pluses`` copy text. ``effort``: of its regular expressions."""

    variables: set[str] = field(default_factory=set)
    headers: set[str] = field(default_factory=set)
    query: set[str] = field(default_factory=set)
    patterns: list[str] = field(default_factory=list)
    reads_path: bool = False
    reads_host: bool = False
    macros: int = 0
    copies: int = 0
    steps: int = 0
    uses: int = 0
    inner: list[tuple[str, ...]] = field(default_factory=list)
    pluses: int = 0
    effort: int = 0


def read_expression(text: str, path_names: frozenset[str], hidden: Hidden) -> Expression:
    """What ``text`` reads; ValueError with a sentence if it says what may not be said."""
    if len(text) > MAX_CHARS:
        raise ValueError(f"a condition of more than {MAX_CHARS} characters")
    return _Reader(_tokens(text), path_names, hidden).read()


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"{text[place : place + 10]!r} is not offered in conditions")
        if match.lastgroup != "space":
            tokens.append((match.lastgroup or "", match[0]))
        place = match.end()
    return tokens


class _Reader:
    """Walks the tokens once. ``open``: for each bracket that is open, the variable of the macro that opened it.
    ``adds``: for the same, whether there is a ``+`` in it; ``added``: in the one that was closed last."""

    def __init__(self, tokens: list[tuple[str, str]], path_names: frozenset[str], hidden: Hidden) -> None:
        self._tokens, self._path_names, self._hidden = tokens, path_names, hidden
        self._open: list[str | None] = []
        self._adds: list[bool] = []
        self._added = False
        self._macro = ""
        self._found = Expression()

    def read(self) -> Expression:
        for at, (kind, text) in enumerate(self._tokens):
            self._found.steps += any(self._open)
            self._found.pluses += text == "+" and kind == "mark"
            if kind == "name":
                self._name(at, text)
            elif text in ("(", "["):
                if text == "[" and self._macro == "map" and not self._is_index(at):
                    self._refuse_in_macro("a list of its own")
                self._open.append(self._bound_by(at) if text == "(" else None)
                self._adds.append(False)
                if len(self._open) > MAX_NESTING:
                    raise ValueError(f"brackets nested deeper than {MAX_NESTING}")
            elif text in (")", "]") and self._open:
                self._open.pop()
                self._added = self._adds.pop()
                if self._adds and self._added:
                    self._adds[-1] = True
            elif text == "+" and kind == "mark" and self._open:
                self._adds[-1] = True
                self._refuse_in_macro("'+'")
        return self._found

    def _refuse_in_macro(self, what: str) -> None:
        """What a macro does, it does for each member that a caller sends; what ``map`` makes, it copies for each."""
        if any(self._open):
            raise ValueError(f"{what} inside of a macro")

    def _at(self, at: int) -> str:
        return self._tokens[at][1] if 0 <= at < len(self._tokens) else ""

    def _is_index(self, at: int) -> bool:
        return at > 0 and (self._tokens[at - 1][0] == "name" or self._at(at - 1) in (")", "]"))

    def _name(self, at: int, name: str) -> None:
        called = self._at(at + 1) == "("
        if self._at(at - 1) == ".":
            if called:
                self._method(at, name)
        elif called:
            if name not in FUNCTIONS:
                raise ValueError(f"there is no function {name}; there are {', '.join(sorted(FUNCTIONS))}")
        elif name not in _CONSTANTS and name not in self._open:
            self._variable(at, name)

    def _method(self, at: int, name: str) -> None:
        if name not in METHODS:
            raise ValueError(f"there is no method {name}; there are {', '.join(sorted(METHODS))}")
        if name == "matches":
            kind, text = self._tokens[at + 2] if at + 2 < len(self._tokens) else ("", "")
            if kind != "string" or self._at(at + 3) != ")":
                raise ValueError("matches() takes one string that is written out")
            self._refuse_in_macro("matches()")
            self._found.patterns.append(text)
            try:
                self._found.effort += effort(pattern_in(text))
            except ValueError as error:
                raise ValueError(f"matches({text[:80]}): {error}") from None
            if self._found.effort > MAX_EFFORT:
                raise ValueError(f"matches({text[:80]}): too large; [a-z0-9_] is smaller than \\w, and * than {{1,64}}")

    def _bound_by(self, at: int) -> str | None:
        if not (self._at(at - 1) in MACROS and self._at(at - 2) == "."):
            return None
        name = self._at(at + 1)
        if any(self._open):
            raise ValueError(f"{self._at(at - 1)}() inside of another macro")
        if name in VARIABLES or name in _CONSTANTS or self._at(at + 2) != ",":
            raise ValueError(f"{self._at(at - 1)}() begins with a name of its own for each member")
        if self._at(at - 3) in (")", "]") and self._added:
            raise ValueError(f"{self._at(at - 1)}() of what '+' puts together")
        self._macro = self._at(at - 1)
        self._found.macros += 1
        self._found.copies += self._macro in ("map", "filter")
        if self._found.macros > MAX_MACROS:
            raise ValueError(f"more than {MAX_MACROS} macros")
        return name

    def _variable(self, at: int, name: str) -> None:
        if name not in VARIABLES:
            raise ValueError(f"there is no variable {name}; there are {', '.join(sorted(VARIABLES))}")
        if self._macro == "map":
            self._refuse_in_macro(name)
        self._found.variables.add(name)
        self._found.uses += 1
        if any(self._open):
            self._found.inner.append(tuple(self._steps_from(at)))
        member = self._at(at + 2) if self._at(at + 1) == "." else ""
        if name in MEMBERS and member not in MEMBERS[name]:
            raise ValueError(f"{name} has {', '.join(sorted(MEMBERS[name]))}, and no {member or 'meaning by itself'}")
        if name == "request" and member in ("headers", "query"):
            self._field(self._key(at, at + 2), member)
        elif name == "path":
            self._found.reads_path = True
            if (key := self._key(at, at)) not in self._path_names:
                raise ValueError(f"the rule's path has no segment named {key}")
        elif member == "path":
            self._found.reads_path = True
        elif member == "host":
            self._found.reads_host = True

    def _steps_from(self, at: int) -> Iterator[str]:
        """``claims.a.b``: the names, as far as they are written out."""
        yield self._at(at)
        while self._at(at + 1) == "." and self._at(at + 3) != "(":
            at += 2
            yield self._at(at)

    def _field(self, key: str, member: str) -> None:
        if self._hidden.header(key) if member == "headers" else key in self._hidden.query:
            raise ValueError(f"request.{member}[{key!r}] may hold a credential, which conditions do not see")
        if member == "headers" and key != key.lower():
            raise ValueError(f"request.headers[{key!r}]: names of headers are in lower case")
        (self._found.headers if member == "headers" else self._found.query).add(key)

    def _key(self, start: int, end: int) -> str:
        """The name in ``x.NAME``, ``x['NAME']`` or ``'NAME' in x``, where ``x`` are the tokens start..end."""
        if self._at(end + 1) == "." and self._at(end + 3) != "(":
            return self._at(end + 2)
        literal = ""
        if self._at(end + 1) == "[" and self._at(end + 3) == "]":
            literal = self._at(end + 2)
        elif self._at(start - 1) == "in" and self._at(end + 1) not in (".", "["):
            literal = self._at(start - 2)
        plain = _PLAIN.fullmatch(literal)
        if plain is None:
            name = "".join(text for _, text in self._tokens[start : end + 1])
            raise ValueError(f"{name} is read by a name that is written out: {name}['NAME'], 'NAME' in {name}")
        return plain[2]
