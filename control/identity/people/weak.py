"""Passwords that are too easily guessed (NIST SP 800-63B section 3.1.1.2): short, among the commonest, or the person's
own name. No rules about kinds of characters, no expiry. Pure.

Whatever is common in a password is taken out of it: words of ``commonest``, the person's names, and runs such as
``1234`` or ``aaaa``. What is left has to be enough by itself.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from .commonest import WORDS
from .hashing import MAX_PASSWORD
from .outcomes import WeakPassword

MIN_PASSWORD = 12
MIN_LEFT = 5
"""Different characters, of what is not common."""
MIN_OWN = 3
_LEET = str.maketrans({"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i"})
_BY_LENGTH = sorted(WORDS, key=len, reverse=True)


def check(password: str, names: Iterable[str]) -> None:
    """WeakPassword if it is one. ``names``: what the person is called, and what this place is."""
    if len(password) > MAX_PASSWORD:
        raise WeakPassword(f"A password has at most {MAX_PASSWORD} characters.")
    if any("\ud800" <= c <= "\udfff" for c in password):
        raise WeakPassword("That password holds a character that cannot be.")
    plain = unicodedata.normalize("NFKC", password).casefold()
    if len(plain) < MIN_PASSWORD or len(password) < MIN_PASSWORD:
        raise WeakPassword(f"A password has at least {MIN_PASSWORD} characters. A few words that you make up will do.")
    common = [*sorted(_own(names), key=len, reverse=True), *_BY_LENGTH]
    for form in (plain, _without_runs(plain).translate(_LEET)):
        if len(set(_left(form, common))) < MIN_LEFT:
            raise WeakPassword("That password is too easily guessed: it is made of common words, runs or your name.")


def _own(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        for part in re.split(r"[\s@._+-]+", unicodedata.normalize("NFKC", name).casefold()):
            if len(part) >= MIN_OWN:
                yield part


def _left(form: str, common: Iterable[str]) -> str:
    for word in common:
        form = form.replace(word, "")
    return _without_runs(form)


def _without_runs(text: str) -> str:
    """Of three and more characters that follow each other by one step, or by none, the first two are left."""
    triples = zip(text, text[1:], text[2:], strict=False)
    runs = [ord(b) - ord(a) == ord(c) - ord(b) and abs(ord(b) - ord(a)) <= 1 for a, b, c in triples]
    return text[:2] + "".join(c for c, is_run in zip(text[2:], runs, strict=True) if not is_run)
