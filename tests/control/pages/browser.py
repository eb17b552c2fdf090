"""A browser without a window: it keeps cookies, follows redirects on this site, and sends forms that it was shown."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import parse_qs, urlsplit

import httpx
from starlette.types import ASGIApp


@dataclass
class Form:
    """``fields``: what is sent whatever is clicked; ``buttons``: what each adds."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Each form of ours says which it is."""
        return self.fields.get("form", "")


class Page(HTMLParser):
    """What an answer shows. ``location``: where it leads, if it leads away from here."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer, self.status, self.headers = answer, answer.status_code, answer.headers
        self.path = answer.request.url.raw_path.decode()
        self.location = answer.headers.get("location", "")
        self.html = answer.text if "html" in answer.headers.get("content-type", "") else ""
        self.forms, self.text, self.tags, self.links = list[Form](), "", set[str](), list[str]()
        self.attributes = set[str]()
        self.feed(self.html)
        self.close()

    @property
    def said(self) -> dict[str, str]:
        """What the redirect tells the client."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}

    def form(self, name: str, **fields: str) -> Form:
        """The form of that name, with those fields."""
        found = [one for one in self.forms if one.name == name and fields.items() <= one.fields.items()]
        assert found, f"no form {name} in {self.status}: {self.text}"
        return found[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.attributes |= set(said)
        if tag == "form":
            self.forms.append(Form(said["action"], said["method"]))
        elif tag == "input" and "name" in said:
            self.forms[-1].fields[said["name"]] = said.get("value", "")
        elif tag == "button" and "name" in said:
            self.forms[-1].buttons[said["name"]] = said["value"]
        elif tag == "a":
            self.links.append(said["href"])

    def handle_data(self, data: str) -> None:
        self.text += data


class Browser:
    """``here``: the origin of the site; ``address``: where it is."""

    def __init__(self, served: ASGIApp, here: str, agent: str, address: str) -> None:
        transport = httpx.ASGITransport(served, client=(address, 1))  # type: ignore[arg-type]  # two spellings of one protocol
        self.http = httpx.AsyncClient(transport=transport, base_url=here, headers={"User-Agent": agent})
        self.here = here

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def open(self, path: str) -> Page:
        """By GET, from wherever."""
        return await self._followed(await self.http.get(path))

    async def send(self, page: Page, form: str, button: str | None = None, **typed: str) -> Page:
        """A form of the page, with what is typed, by the button of that name (or by one without)."""
        found = page.form(form)
        clicked = {button: found.buttons[button]} if button else {}
        return await self.post(found.action, {**found.fields, **typed, **clicked})

    async def post(self, path: str, data: dict[str, str], **headers: str) -> Page:
        """As this site's own pages do, unless ``headers`` say otherwise."""
        usual = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
        return await self._followed(await self.http.post(path, data=data, headers={**usual, **headers}))

    async def _followed(self, answer: httpx.Response) -> Page:
        while answer.is_redirect and self._is_here(answer.headers["location"]):
            assert answer.status_code == 303
            answer = await self.http.get(answer.headers["location"])
        return Page(answer)

    def _is_here(self, location: str) -> bool:
        return location.startswith("/") or location.startswith(self.here + "/")
