"""Usernames, names and addresses of people: what can be one, and when two are the same. Pure."""

import re
import unicodedata

from control.errors import Invalid

MAX_USERNAME = 100
MAX_TYPED = 400
MAX_FOLDED = 300
MAX_NAME = 200
MAX_EMAIL = 254
_EMAIL = re.compile(r"[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,64}@[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,189}")


def folded(username: str) -> str:
    """As it is compared: one form of Unicode (NFKC), without case (UTS 46 and RFC 8265 do likewise). Of what nobody
    can have typed, "", which is nobody's."""
    if len(username) > MAX_TYPED:
        return ""
    form = username
    for _ in range(3):  # what casefold makes may compose once more
        form = unicodedata.normalize("NFKC", form).casefold().strip()
    form = unicodedata.normalize("NFKC", form)
    return form if form.isprintable() else ""


def checked_username(username: str) -> str:
    """The username as it is shown; Invalid."""
    shown = unicodedata.normalize("NFC", username)
    spaced = any(c.isspace() for c in unicodedata.normalize("NFKC", shown))
    if not 1 <= len(shown) <= MAX_USERNAME or spaced or not 1 <= len(folded(shown)) <= MAX_FOLDED:
        raise Invalid(f"a username is 1 to {MAX_USERNAME} printable characters without spaces")
    return shown


def checked_name(name: str) -> str:
    """What they are called, or ""; Invalid."""
    if len(name) > MAX_NAME or not name.isprintable() or name != name.strip():
        raise Invalid(f"a name is at most {MAX_NAME} printable characters")
    return name


def checked_email(email: str) -> str:
    """Where they are written to, or ""; Invalid. Whether it is theirs is for the operator to know."""
    if email and (len(email) > MAX_EMAIL or not email.isprintable() or not _EMAIL.fullmatch(email)):
        raise Invalid("an e-mail address is a name, @ and a domain")
    return email
