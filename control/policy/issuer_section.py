"""The ``issuers`` section: whose tokens count, and with which keys. Each key is tried here, so that a weak or
damaged one is refused with its line and never reaches a sidecar.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from control.issuers.keys import KeysError, algorithms_of, keys_from_jwks, keys_from_pem, keys_from_text
from sidecar.authn.keys import ALGORITHMS, load_keys
from sidecar.contract.snapshot import ClaimMap, Issuer, Jwk
from sidecar.contract.strict import ContractError

from .findings import Findings
from .issuer_shape import ClaimMapShape, IssuerShape, JwksShape
from .model import PolicyIssuer
from .presets import Preset, PresetError, preset
from .problems import Path, quoted, suggestion

MAX_FILE_CHARS = 1024 * 1024

_SYMMETRIC = frozenset({"HS256", "HS384", "HS512"})


def file_fault(name: str) -> str | None:
    """Why ``name`` may not be read: a policy names only files beside or below itself."""
    parts = PurePosixPath(name).parts
    if "\\" in name or "\0" in name or name.startswith("/") or ".." in parts or not parts:
        return f"{quoted(name)} is not within the policy's directory: write a relative path"
    return None


class IssuerSection:
    """Reads the section; ``files`` are the texts that came with the policy."""

    def __init__(self, findings: Findings, files: Mapping[str, str]) -> None:
        self._findings = findings
        self._files = files

    def read(self, shapes: Mapping[str, IssuerShape]) -> tuple[PolicyIssuer, ...]:
        """The issuers that are sound."""
        self._check_differ(shapes)
        read = [self._issuer(name, shape) for name, shape in shapes.items()]
        sound = tuple(issuer for issuer in read if issuer is not None)
        self._check_apart(sound)
        return sound

    def _issuer(self, name: str, shape: IssuerShape) -> PolicyIssuer | None:
        path: Path = ("issuers", name)
        line = self._findings.line(path)
        if shape.builtin:
            return PolicyIssuer(name, shape.leeway, max_lifetime_s=shape.max_lifetime, line=line)
        base = self._base(shape, path)
        if base is None:
            return None
        url, discovery = _fetched_from(shape, base)
        keys = () if url or discovery else self._keys(shape.jwks or JwksShape(inline={}), path)
        algorithms = self._algorithms(shape, base, keys, path)
        if keys is None or algorithms is None:
            return None
        outside = Issuer(
            name=name,
            issuer=base.issuer,
            audiences=tuple(dict.fromkeys(shape.audience or ())),
            algorithms=algorithms,
            leeway_s=shape.leeway,
            claims=self._claim_map(shape.claims, base.claims, path),
            keys=keys,
            keys_known=not (url or discovery),
            aliases=tuple(dict.fromkeys((*base.aliases, *shape.aliases))),
            token_type=shape.token_type,
            max_lifetime_s=shape.max_lifetime,
            required_claims=tuple(dict.fromkeys((*base.required_claims, *shape.required()))),
            refreshable=bool(url or discovery),
        )
        self._check_transport(shape, base.issuer, url or (base.issuer if discovery else None), path)
        if keys:
            self._check_keys(outside, shape.jwks, path)
        return PolicyIssuer(
            name,
            shape.leeway,
            outside,
            shape.jwks.secret.env if shape.jwks and shape.jwks.secret else None,
            url,
            discovery,
            shape.allow_http,
            shape.preset or "",
            shape.max_lifetime,
            line,
        )

    def _claim_map(self, shape: ClaimMapShape, usual: ClaimMap, path: Path) -> ClaimMap:
        given = {name: getattr(shape, name) for name in shape.model_fields_set}
        subject = given.pop("subject", ())
        if len(subject) > 2:
            told = "at most two places: the subject, and what stands for it in a token that has none"
            self._findings.problem((*path, "claims", "subject"), told)
        if subject:
            given |= {"subject": subject[0], "subject_else": subject[1] if len(subject) == 2 else ()}
        return replace(usual, **given)

    def _base(self, shape: IssuerShape, path: Path) -> Preset | None:
        """What the preset says, or what there is without one."""
        if shape.preset is None:
            return Preset(shape.issuer or "", "")
        try:
            return preset(shape.preset, shape.preset_keys(), tuple(shape.audience or ()))
        except PresetError as error:
            self._findings.problem((*path, error.key) if error.key else path, str(error))
            return None

    def _check_transport(self, shape: IssuerShape, issuer: str, source: str | None, path: Path) -> None:
        at = (*path, "jwks", "url") if shape.jwks and shape.jwks.url else path
        if source is not None and not source.startswith("https://"):
            if not source.startswith("http://"):
                told = "jwks is missing: without it the keys are found by OIDC discovery, which needs an https issuer"
                self._findings.problem(path, told)
            elif not shape.allow_http:
                told = "keys over plain http can be changed on the way: use https, or say allow_http: true"
                self._findings.problem(at, told)
        if _is_plain_http_to_the_world(issuer):
            self._findings.warn(
                (*path, "issuer"), "http to a public name: an issuer's own pages and keys belong on https"
            )

    def _check_differ(self, shapes: Mapping[str, IssuerShape]) -> None:
        builtin = [name for name, issuer in shapes.items() if issuer.builtin]
        for name in builtin[1:]:
            self._findings.problem(("issuers", name), f"only one issuer is built in, and {builtin[0]} is it")

    def _check_apart(self, issuers: Sequence[PolicyIssuer]) -> None:
        seen: dict[str, str] = {}
        for issuer in issuers:
            for url in (issuer.outside.issuer, *issuer.outside.aliases) if issuer.outside else ():
                if url in seen:
                    told = f"the same iss as {seen[url]}: a token could not tell which is meant"
                    self._findings.problem(("issuers", issuer.name, "issuer"), told)
                seen.setdefault(url, issuer.name)

    def _keys(self, jwks: JwksShape, path: Path) -> tuple[Jwk, ...] | None:
        """The keys; none yet for a secret; None, and a problem noted, if they cannot be read."""
        path = (*path, "jwks")
        try:
            if jwks.secret is not None:
                return ()
            if jwks.inline is not None:
                path = (*path, "inline")
                return keys_from_jwks(jwks.inline)
            if jwks.pem is not None:
                path = (*path, "pem")
                return keys_from_pem(jwks.pem)
            path = (*path, "file")
            return self._keys_of_file(jwks.file or "")
        except KeysError as error:
            self._findings.problem(path, str(error))
            return None

    def _keys_of_file(self, name: str) -> tuple[Jwk, ...]:
        fault = file_fault(name)
        if fault:
            raise KeysError(fault)
        if name not in self._files:
            raise KeysError(f"the file {quoted(name)} did not come with the policy")
        if len(self._files[name]) > MAX_FILE_CHARS:
            raise KeysError(f"the file {quoted(name)} is longer than {MAX_FILE_CHARS} characters")
        try:
            return keys_from_text(self._files[name])
        except KeysError as error:
            raise KeysError(f"{name}: {error}") from error

    def _algorithms(
        self, shape: IssuerShape, base: Preset, keys: tuple[Jwk, ...] | None, path: Path
    ) -> tuple[str, ...] | None:
        secret = shape.jwks is not None and shape.jwks.secret is not None
        if shape.algorithms is None:
            derived = algorithms_of(keys) if keys else base.algorithms
            return ("HS256",) if secret else derived if keys is not None else None
        path = (*path, "algorithms")
        faults = [
            ((*path, number), fault)
            for number, word in enumerate(shape.algorithms)
            if (fault := _algorithm_fault(word, secret))
        ]
        if not shape.algorithms:
            faults.append((path, "must not be empty: leave it out to have it derived from the keys"))
        for where, fault in faults:
            self._findings.problem(where, fault)
        return None if faults else tuple(dict.fromkeys(shape.algorithms))

    def _check_keys(self, issuer: Issuer, jwks: JwksShape | None, path: Path) -> None:
        try:
            load_keys(issuer)
        except ContractError as error:
            at = next(name for name in JwksShape.model_fields if getattr(jwks, name) is not None)
            named = f"{jwks.file}: " if jwks and jwks.file else ""
            self._findings.problem((*path, "jwks", at), f"{named}{error}")


def _fetched_from(shape: IssuerShape, base: Preset) -> tuple[str | None, bool]:
    """(the key set's URL or None, is it to be discovered?)."""
    if shape.jwks is not None:
        return shape.jwks.url, False
    return (base.jwks_url, False) if base.jwks_url else (None, True)


def _algorithm_fault(word: str, secret: bool) -> str | None:
    if word.lower() == "none":
        return "'none' is never accepted: it stands for no signature at all (RFC 8725 section 3.2)"
    if word not in ALGORITHMS:
        return f"{quoted(word)} is no algorithm{suggestion(word, sorted(ALGORITHMS))}"
    if word in _SYMMETRIC and not secret:
        return f"{word} is for a shared secret, and these keys are public: anyone could sign (RFC 8725 section 3.1)"
    if word not in _SYMMETRIC and secret:
        return f"{word} is for public keys, and this issuer has a shared secret: HS256, HS384 or HS512"
    return None


def _is_plain_http_to_the_world(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme.lower() != "http" or ("." not in host and ":" not in host):
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return not host.endswith((".test", ".localhost", ".local", ".internal", ".example", ".invalid"))
