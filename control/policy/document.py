"""YAML text -> plain values, each with its line. Knows YAML and its traps, and nothing about policies.

Only what means the same to everybody is taken. YAML 1.1 reads ``no`` as a boolean, ``010`` as eight and ``7:30``
as 450, and YAML 1.2 reads none of them so: where the two differ, the author is asked to say which is meant.
The text is untrusted: its size, its depth and what its aliases expand to are bounded before anything is built.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from .problems import MAX_PROBLEMS, Path, PolicyErrors, Problem, quoted, spell

MAX_SOURCE_CHARS = 1024 * 1024
MAX_DEPTH = 32
MAX_ALIASES = 256
MAX_VALUES = 100_000
MAX_SUBSTITUTED_CHARS = 4 * 1024 * 1024

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]

_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,15})\Z")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,20}\.[0-9]{1,20}([eE][-+]?[0-9]{1,2})?\Z")
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")
_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)(\}?)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_CREDENTIAL = "CONTROL_TOKEN"


@dataclass(slots=True)
class Document:
    """A mapping, the line of each value in it, what was wrong, and the ``${NAME}``s that it refers to."""

    name: str
    root: dict[str, Plain] = field(default_factory=dict)
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    references: dict[str, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest value around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 0

    def problem(self, path: Path, message: str) -> None:
        """Note what is wrong at ``path``."""
        self.problems.append(Problem(self.line(path), spell(path), message))


def read(source: str, env: Mapping[str, str] | None, name: str) -> Document:
    """The document in ``source``; PolicyErrors if it is no YAML mapping at all. Smaller faults are left in its
    ``problems``. With ``env`` None nothing is substituted: ``references`` is what the caller is after."""
    if len(source) > MAX_SOURCE_CHARS:
        raise PolicyErrors(name, [Problem(0, "", f"longer than {MAX_SOURCE_CHARS} characters")])
    try:
        source.encode()
        _bound(source, name)
        node = yaml.compose(source, Loader=_Loader)
    except yaml.YAMLError as error:
        raise PolicyErrors(name, [_syntax(error, source)]) from error
    except UnicodeEncodeError as error:
        raise PolicyErrors(name, [Problem(0, "", "not Unicode text")]) from error
    if not isinstance(node, yaml.MappingNode):
        raise PolicyErrors(name, [Problem(0, "", "a policy is a mapping that begins with trust_domain:")])
    document = Document(name)
    document.lines[()] = node.start_mark.line + 1
    document.root = _Reading(document, env).mapping(node, ())
    return document


def _bound(source: str, name: str) -> None:
    """Refuse what would be costly to compose: libyaml's events come one by one, and its composer recurses."""
    depth = aliases = documents = 0
    for event in yaml.parse(source, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if depth > MAX_DEPTH:
            raise PolicyErrors(name, [Problem(line, "", f"nested deeper than {MAX_DEPTH}")])
        if aliases > MAX_ALIASES:
            raise PolicyErrors(name, [Problem(line, "", f"more than {MAX_ALIASES} aliases")])
        if documents > 1:
            raise PolicyErrors(name, [Problem(line, "", "a second document begins here; a policy is one document")])
    if documents == 0:
        raise PolicyErrors(name, [Problem(0, "", "the file is empty")])


def _syntax(error: yaml.YAMLError, source: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or "a character that YAML does not allow"
    context = getattr(error, "context", None) or ""
    told = f"not YAML: {what}" + (f" ({context})" if context else "")
    if mark and "cannot start any token" in what and source[mark.index : mark.index + 1] == "\t":
        told = "not YAML: a tab; indent with spaces"
    if "mapping values are not allowed" in what:
        told += "; a ':' is missing on the line before, or a text with ': ' is not in quotes"
    if "flow" in context:
        told += "; within {...} or [...], a value that holds one of {}[], is written in quotes"
    return Problem(mark.line + 1 if mark else 0, "", told)


class _Reading:
    """One pass over the node tree. Aliases make it a graph: what they expand to counts against the bounds."""

    def __init__(self, document: Document, env: Mapping[str, str] | None) -> None:
        self._document = document
        self._env = env
        self._values_left = MAX_VALUES
        self._chars_left = MAX_SUBSTITUTED_CHARS

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Plain]:
        result: dict[str, Plain] = {}
        for key, value in node.value:
            if len(self._document.problems) > MAX_PROBLEMS:
                raise PolicyErrors(self._document.name, self._document.problems)
            name = self._key(key, path)
            if name is None:
                continue
            here = (*path, name)
            if name in result:
                line = key.start_mark.line + 1
                told = f"written twice (first on line {self._document.lines[here]})"
                self._document.problems.append(Problem(line, spell(here), told))
                continue
            self._document.lines[here] = key.start_mark.line + 1
            result[name] = self._value(value, here)
        return result

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.ScalarNode):
            self._document.problems.append(Problem(line, spell(path), "a key must be plain text"))
            return None
        if node.tag == _TAG + "merge":
            told = "merge keys (<<) are not supported; an alias (*name) may stand for a whole value"
            self._document.problems.append(Problem(line, spell(path), told))
            return None
        return str(node.value)

    def _value(self, node: yaml.Node, path: Path) -> Plain:
        self._values_left -= 1
        if self._values_left < 0 or len(path) > MAX_DEPTH:
            what = "its aliases expand to too much" if self._values_left < 0 else f"nested deeper than {MAX_DEPTH}"
            raise PolicyErrors(self._document.name, [Problem(node.start_mark.line + 1, "", what)])
        if isinstance(node, yaml.CollectionNode) and node.tag not in (_TAG + "map", _TAG + "seq"):
            self._document.problem(path, f"the tag {quoted(node.tag)} is not supported")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            items: list[Plain] = []
            for number, item in enumerate(node.value):
                here = (*path, number)
                self._document.lines[here] = item.start_mark.line + 1
                items.append(self._value(item, here))
            return items
        return self._scalar(node, path)

    def _scalar(self, node: yaml.Node, path: Path) -> Plain:
        text = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "str" | "timestamp" | "value":
                return self._text(text, path)
            case "null":
                return None
            case "bool" if text in _TRUE or text in _FALSE:
                return text in _TRUE
            case "bool":
                told = f"{text} is a boolean to some readers of YAML and text to others: write '{text}' in quotes"
                self._document.problem(path, f"{told} for the text, or {_boolean(text)} for the boolean")
            case "int" if _WHOLE.match(text):
                return int(text)
            case "float" if _DECIMAL.match(text):
                return float(text)
            case "int" | "float":
                told = f"{quoted(text)} is read as different numbers by different readers of YAML"
                self._document.problem(path, f"{told}: write it in quotes for the text, or as a plain decimal number")
            case tag:
                self._document.problem(path, f"the tag {quoted(tag)} is not supported")
        return text

    def _text(self, text: str, path: Path) -> str:
        if "${" not in text:
            return text
        return "".join(self._pieces(text, path))

    def _pieces(self, text: str, path: Path) -> Iterator[str]:
        end = 0
        for found in _REFERENCE.finditer(text):
            yield text[end : found.start()]
            end = found.end()
            name = found[1]
            if name is None:
                yield "${"
            elif not found[2] or not _NAME.match(name):
                told = f"{quoted(found[0])} is no reference: write ${{NAME}}, or $${{ for the two characters themselves"
                self._document.problem(path, told)
            elif name == _CREDENTIAL:
                self._document.problem(path, f"{name} is the operator credential and belongs in no policy")
            else:
                yield self._referred(name, path)
        yield text[end:]

    def _referred(self, name: str, path: Path) -> str:
        self._document.references.setdefault(name, self._document.line(path))
        if self._env is None:
            return f"${{{name}}}"
        if name not in self._env:
            self._document.problem(path, f"the environment variable {name} is not set")
            return f"${{{name}}}"
        value = self._env[name]
        self._chars_left -= len(value)
        if self._chars_left < 0:
            told = f"what the environment puts in is longer than {MAX_SUBSTITUTED_CHARS} characters"
            raise PolicyErrors(self._document.name, [Problem(self._document.line(path), "", told)])
        return value


def _boolean(text: str) -> str:
    return "true" if text.lower() in ("yes", "on", "y") else "false"
