"""What a policy refers to, so that a client can send it along: the one file of this room that reads a disk.

The text itself says which files and which variables it needs; nothing else of the environment leaves the machine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from .document import MAX_SOURCE_CHARS, Document, read
from .issuer_section import MAX_FILE_CHARS, file_fault
from .load import load
from .problems import PolicyErrors, Problem, spell


class Gathered(NamedTuple):
    """The three arguments of ``load``."""

    source: str
    files: dict[str, str]
    env: dict[str, str]


def referenced_env(source: str, name: str = "policy.yaml") -> tuple[str, ...]:
    """The names in the text's ``${NAME}``s, sorted. A secret's variable is none of them: control looks it up."""
    return tuple(sorted(read(source, None, name).references))


def referenced_files(source: str, env: Mapping[str, str], name: str = "policy.yaml") -> tuple[str, ...]:
    """The files that the text names, sorted."""
    return tuple(sorted(_files(read(source, env, name))))


def gather(path: Path, environ: Mapping[str, str]) -> Gathered:
    """The policy at ``path`` and what it refers to. PolicyErrors for a file that is not there; a variable that is
    not set is left to ``load``, which knows its line."""
    source = _text(path, str(path), Problem(0, "", ""), MAX_SOURCE_CHARS)
    env = {name: environ[name] for name in referenced_env(source, str(path)) if name in environ}
    files: dict[str, str] = {}
    problems: list[Problem] = []
    for file, place in _files(read(source, env, str(path))).items():
        try:
            files[file] = _beside(path, file, place)
        except PolicyErrors as error:
            problems += error.problems
    if problems:
        raise PolicyErrors(str(path), [*problems, *_others(source, files, env, str(path), problems)])
    return Gathered(source, files, env)


def _others(
    source: str, files: dict[str, str], env: dict[str, str], name: str, told: list[Problem]
) -> Iterator[Problem]:
    """What else is wrong, so that everything is said at once. Of a place in ``told`` enough is said."""
    try:
        load(source, files, env, name)
    except PolicyErrors as error:
        places = {(problem.line, problem.path) for problem in told}
        yield from (problem for problem in error.problems if (problem.line, problem.path) not in places)


def _files(document: Document) -> dict[str, Problem]:
    """File name -> the place that names it, as a problem without words. The shape is not checked yet, so nothing is
    taken for granted."""
    found: dict[str, Problem] = {}
    issuers = document.root.get("issuers")
    for name, issuer in issuers.items() if isinstance(issuers, dict) else ():
        jwks = issuer.get("jwks") if isinstance(issuer, dict) else None
        file = jwks.get("file") if isinstance(jwks, dict) else None
        if isinstance(file, str):
            place = ("issuers", name, "jwks", "file")
            found.setdefault(file, Problem(document.line(place), spell(place), ""))
    return found


def _beside(policy: Path, file: str, place: Problem) -> str:
    fault = file_fault(file)
    if fault:
        raise PolicyErrors(str(policy), [replace(place, message=fault)])
    home = policy.resolve().parent
    try:
        target = (home / file).resolve()
    except (OSError, RuntimeError) as error:
        raise PolicyErrors(str(policy), [replace(place, message=f"{file} cannot be read: {error}")]) from error
    if not target.is_relative_to(home):
        raise PolicyErrors(str(policy), [replace(place, message=f"{file} leads out of the policy's directory")])
    return _text(target, str(policy), place, MAX_FILE_CHARS)


def _text(path: Path, policy: str, place: Problem, limit: int) -> str:
    def refused(message: str) -> PolicyErrors:
        return PolicyErrors(policy, [replace(place, message=message)])

    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(limit + 1)
    except FileNotFoundError:
        raise refused(f"there is no file {path}") from None
    except IsADirectoryError:
        raise refused(f"{path} is a directory") from None
    except OSError as error:
        raise refused(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise refused(f"{path} is not UTF-8 text") from None
    if len(text) > limit:
        raise refused(f"{path} is longer than {limit} characters")
    return text
