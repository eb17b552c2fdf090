"""openid-client behind one face, and a browser whose pages are forms: for ``test_relying.py``."""

import json
import subprocess
from typing import Any, Self

import httpx

from tests.control.pages.browser import Page

from .services import PROGRAMS

WITHIN_S = 60


class RefusedError(Exception):
    """The library gave up. ``code``: what it calls it."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code


class Relying:
    """The running program; it ends with the block."""

    def __init__(self) -> None:
        command = ["node", str(PROGRAMS / "relying.mjs")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, name: str, **given: Any) -> Any:
        """One command; what came of it, or RefusedError."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": name, **given}) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        if "error" in said:
            raise RefusedError(said["error"], said["description"])
        return said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=WITHIN_S)


class Person:
    """Somebody with a browser, who signs in where they are asked to."""

    def __init__(self, here: str, username: str, password: str) -> None:
        self._http = httpx.Client(base_url=here, trust_env=False, timeout=WITHIN_S)
        self._here, self._known = here, {"username": username, "password": password}

    def open(self, url: str) -> Page:
        """Goes there, as far as it is control's; signs in if asked."""
        page = self.look(url)
        return self.send(page, "sign_in", **self._known) if any(one.name == "sign_in" for one in page.forms) else page

    def look(self, url: str) -> Page:
        """Goes there and does nothing."""
        return self._followed(self._http.get(url))

    def send(self, page: Page, form: str, button: str | None = None, **typed: str) -> Page:
        """A form of the page, by the button of that name."""
        found = page.form(form)
        clicked = {button: found.buttons[button]} if button else {}
        sent = {**found.fields, **typed, **clicked}
        return self._followed(self._http.post(found.action, data=sent, headers={"Sec-Fetch-Site": "same-origin"}))

    def close(self) -> None:
        """The window."""
        self._http.close()

    def _followed(self, answer: httpx.Response) -> Page:
        while answer.is_redirect and answer.headers["location"].startswith(("/", self._here + "/")):
            answer = self._http.get(answer.headers["location"])
        return Page(answer)
