"""YAML's traps and bounds: what is refused before a policy is even looked at."""

import pytest

from control.policy.document import MAX_ALIASES, MAX_DEPTH, MAX_SOURCE_CHARS, read
from control.policy.problems import MAX_PROBLEMS, PolicyErrors

NAME = "policy.yaml"


def refusal(source: str) -> str:
    """Why ``source`` is no document at all."""
    with pytest.raises(PolicyErrors) as caught:
        read(source, {}, NAME)
    return caught.value.format()


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", "the file is empty"),
        ("# only a comment\n", "the file is empty"),
        ("- a\n", "begins with trust_domain"),
        ("just text", "begins with trust_domain"),
        ("a: 1\n---\nb: 2\n", ":2: a second document"),
        ("a: [1\n", "not YAML"),
        ("a: {path: /x/{id}}\n", "is written in quotes"),
        ("a:\n\t- b\n", "a tab; indent with spaces"),
        ("a b\nc: {d: 1}\n", "a ':' is missing on the line before"),
        ("a: \x00\n", "not YAML"),
        ("a: \ud800\n", "not Unicode text"),
        ("a: *nobody\n", "not YAML"),
        ("#" * (MAX_SOURCE_CHARS + 1), "longer than"),
        ("a: " + "[" * 5000, "nested deeper than"),
        ("a: " + "{a: " * 5000, "nested deeper than"),
        ("a: &x 1\nb: [" + "*x, " * (MAX_ALIASES + 1) + "]\n", "aliases"),
        ("a: &a [*a]\n", "nested deeper than"),
    ],
)
def test_what_is_no_document_is_refused_with_a_sentence(source: str, told: str) -> None:
    """Syntax, size, depth and aliases."""
    assert told in refusal(source)


def test_a_billion_laughs_is_refused_before_it_is_built() -> None:
    """Nine aliases of nine aliases, nine deep: few aliases as written, 3 * 10^8 values as meant."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert "expand to too much" in refusal("\n".join(lines))


def test_a_file_full_of_faults_is_told_of_the_first_hundred() -> None:
    """Reading ends where nobody reads on."""
    assert len(refusal("k: v\n" * 10_000).splitlines()) == MAX_PROBLEMS


def test_nesting_within_the_bound_is_read() -> None:
    """The bound is on depth, not on brackets."""
    document = read("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1), {}, NAME)
    assert not document.problems


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("no", "write 'no' in quotes for the text, or false for the boolean"),
        ("On", "write 'On' in quotes for the text, or true for the boolean"),
        ("010", "different numbers"),
        ("0x1F", "different numbers"),
        ("7:30", "different numbers"),
        ("1_000", "different numbers"),
        (".inf", "different numbers"),
        ("12345678901234567890", "different numbers"),
        ("!!python/object:os.system x", "not supported"),
        ("!mine x", "not supported"),
        ("!!binary aGk=", "not supported"),
        ("!!set {x}", "not supported"),
        ("{<<: {x: 1}}", "merge keys"),
        ("{[1]: 2}", "a key must be plain text"),
        ("{x: 1, x: 2}", "written twice (first on line 2)"),
        ("${A-B}", "is no reference"),
        ("${", "is no reference"),
        ("${NOPE}", "the environment variable NOPE is not set"),
        ("${CONTROL_TOKEN}", "belongs in no policy"),
    ],
)
def test_what_readers_of_yaml_disagree_about_is_a_problem_on_its_line(value: str, told: str) -> None:
    """Nothing is guessed: the author says which is meant."""
    document = read(f"first: 1\nsecond: {value}\n", {"YES": "1"}, NAME)
    assert [problem.line for problem in document.problems] == [2]
    assert told in document.problems[0].message


def test_plain_values_are_what_everybody_takes_them_for() -> None:
    """Text, whole and decimal numbers, the two booleans, null, and text by quotes or tag."""
    source = "a: [text, 7, -1.5, true, False, null, '7', !!str 8, 2024-01-01, y, =]\nno: 1"
    document = read(source, {}, NAME)
    assert document.root == {
        "a": ["text", 7, -1.5, True, False, None, "7", "8", "2024-01-01", "y", "="],
        "no": 1,
    }
    assert not document.problems


def test_a_reference_puts_in_text_and_never_yaml() -> None:
    """What stands in the environment cannot add keys; a doubled dollar stands for itself; keys are left alone."""
    document = read("a: x-${V}-$${V}-$V\n'${V}': 1", {"V": "1, b: [2]"}, NAME)
    assert document.root == {"a": "x-1, b: [2]-${V}-$V", "${V}": 1}


def test_what_the_environment_puts_in_is_bounded() -> None:
    """A long value named many times."""
    with pytest.raises(PolicyErrors, match="longer than"):
        read("a: [" + "'${V}', " * 100 + "]", {"V": "x" * 100_000}, NAME)


def test_lines_are_those_of_the_keys() -> None:
    """Also below a path that is not there itself."""
    document = read("a:\n  b:\n    - x\n    - y\n", {}, NAME)
    assert document.line(("a", "b", 1)) == 4
    assert document.line(("a", "b", "c", "d")) == 2
