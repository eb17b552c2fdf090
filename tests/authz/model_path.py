"""The model's half of paths: docs/paths.md, rule by rule, with nothing of ``sidecar.authz``."""

import re
from urllib.parse import unquote, unquote_plus, unquote_to_bytes

from sidecar.contract.route import Route

UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


class RefusedError(Exception):
    """Carries the reason."""


def parameters(pattern: str, segments: list[str]) -> dict[str, str] | None:
    """The named segments if the path matches, else None."""
    parts = [part for part in pattern.split("/") if part]
    rest = parts[-1:] == ["**"]
    parts = parts[:-1] if rest else parts
    if len(segments) < len(parts) or (len(segments) > len(parts) and not rest):
        return None
    names = {}
    for part, segment in zip(parts, segments, strict=False):
        if part.startswith("{"):
            names[part[1:-1]] = segment
        elif part not in ("*", segment):
            return None
    return names


def readings(segments: list[str]) -> list[list[str]]:
    """As servers read a path that drop parameters and decode again, up to three times."""
    found = []
    for _ in range(3):
        segments = [name for name in (segment.split(";")[0] for segment in segments) if name]
        found.append(segments)
        segments = [unquote(segment) for segment in segments]
    return found


def normalised(target: str, keep: bool) -> tuple[str, list[str], str]:
    """The path, its segments decoded, the query (docs/paths.md, rule by rule)."""
    if not target.startswith("/"):
        raise RefusedError("malformed_request")
    path, _, query = target.partition("?")
    if re.search(r"[^!-~]|#", target) or re.search(r"%(?![0-9A-Fa-f]{2})", path) or "\\" in path:
        raise RefusedError("bad_path")
    kept: list[str] = []
    raw = [_unreserved(segment) for segment in path[1:].split("/")]
    for segment in raw:
        _refuse_hidden(segment, keep)
        if segment == "..":
            if not kept or kept.pop() == "":
                raise RefusedError("bad_path")
        elif segment != ".":
            kept.append(segment)
    full = [segment for segment in kept if segment]
    slash = "/" if full and raw[-1] in ("", ".", "..") else ""
    return "/" + "/".join(full) + slash, [unquote(segment) for segment in full], query


def _unreserved(segment: str) -> str:
    def normal(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if UNRESERVED.fullmatch(character) else match[0].upper()

    return re.sub("%(..)", normal, segment)


def _refuse_hidden(segment: str, keep: bool) -> None:
    if ";" in segment and segment.split(";")[0] in (".", ".."):
        raise RefusedError("bad_path")
    if "%" not in segment:
        return
    once = unquote_to_bytes(segment)
    try:
        once.decode()
    except UnicodeDecodeError:
        raise RefusedError("bad_path") from None
    for part in once.split(b"/") if keep else [once]:
        layers = [part]
        while (again := unquote_to_bytes(layers[-1])) != layers[-1]:
            layers.append(again)
        hidden = any(
            re.search(rb"[/\\\x00-\x1f\x7f]", layer) or layer.split(b";")[0] in (b".", b"..") for layer in layers
        )
        if hidden or len(layers) > 3:
            raise RefusedError("bad_path")


def forwarded(route: Route, path: str, query: str, credential: str | None) -> str:
    if route.rewrite is not None:
        before = len([part for part in route.path.split("/") if part]) - 1
        rest = path.split("/")[1 + before :]
        path = "/".join([route.rewrite.removesuffix("/"), *rest]) if rest else route.rewrite
    if credential is not None:
        query = "&".join(part for part in query.split("&") if unquote_plus(part.split("=")[0]) != credential)
    return f"{path}?{query}" if query else path
