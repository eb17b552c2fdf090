"""What outside providers do, each in its own way: the form of ``iss``, where the keys are, and which claims say what.

A preset is a table entry and no code of its own in the sidecar: it becomes an ``Issuer`` like any other, and whatever
the policy says beside it wins. ``docs/providers.md`` tells where each fact comes from. What a preset asks for beyond
the audience (``required_claims``) is what its access tokens have and its ID tokens have not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sidecar.contract.snapshot import ClaimMap, ClaimPath

from .problems import quoted, suggestion

Given = Mapping[str, str]
"""The preset's own keys, as the policy has them."""
_MULTI_TENANT = ("common", "organizations", "consumers")
_PINGONE = {"na": "com", "us": "com", "eu": "eu", "ca": "ca", "ap": "asia", "au": "com.au", "sg": "sg"}


class PresetError(ValueError):
    """Keys that do not make an issuer; the text is a sentence. ``key``: the one that is wrong, or ""."""

    def __init__(self, sentence: str, key: str = "") -> None:
        super().__init__(sentence)
        self.key = key


@dataclass(frozen=True, slots=True)
class Preset:
    """An issuer but for its audience."""

    issuer: str
    jwks_url: str
    claims: ClaimMap = ClaimMap()  # noqa: RUF009  # frozen
    aliases: tuple[str, ...] = ()
    required_claims: tuple[ClaimPath, ...] = ()
    algorithms: tuple[str, ...] = ("RS256",)


def _auth0(given: Given, _: tuple[str, ...]) -> Preset:
    issuer = f"https://{given['domain']}/"
    claims = ClaimMap(scopes=(("scope",), ("permissions",)), client=(("client_id",), ("azp",)))
    return Preset(issuer, f"{issuer}.well-known/jwks.json", claims)


def _okta(given: Given, _: tuple[str, ...]) -> Preset:
    issuer = f"https://{given['domain']}/oauth2/{given.get('server', 'default')}"
    claims = ClaimMap(scopes=(("scp",),), client=(("cid",),), roles=(("groups",),))
    return Preset(issuer, f"{issuer}/v1/keys", claims, required_claims=(("cid",),))


def _ping(given: Given, _: tuple[str, ...]) -> Preset:
    named = [key for key in ("environment", "domain", "url") if key in given]
    if len(named) != 1:
        raise PresetError("ping is environment: (PingOne), domain: (PingOne with its own) or url: (PingFederate)")
    claims = ClaimMap(client=(("client_id",),), roles=(("groups",),), subject_else=("client_id",))
    if "url" in given:
        issuer, jwks = given["url"], f"{given['url'].rstrip('/')}/pf/JWKS"
    else:
        host = given.get("domain") or f"auth.pingone.{_top_level(given.get('region', 'na'))}/{given['environment']}"
        issuer, jwks = f"https://{host}/as", f"https://{host}/as/jwks"
    return Preset(issuer, jwks, claims, required_claims=(("client_id",),))


def _top_level(region: str) -> str:
    if region not in _PINGONE:
        raise PresetError(f"{quoted(region)} is no region of PingOne{suggestion(region, tuple(_PINGONE))}", "region")
    return _PINGONE[region]


def _keycloak(given: Given, audiences: tuple[str, ...]) -> Preset:
    issuer = f"{given['url'].rstrip('/')}/realms/{given['realm']}"
    roles = (("realm_access", "roles"), *(("resource_access", name, "roles") for name in audiences))
    return Preset(issuer, f"{issuer}/protocol/openid-connect/certs", ClaimMap(client=(("azp",),), roles=roles))


def _entra(given: Given, _: tuple[str, ...]) -> Preset:
    tenant, version = given["tenant"], given.get("version", "2")
    if tenant in _MULTI_TENANT:
        told = f"{tenant} is every tenant there is: write your own tenant's id, and an issuer for each tenant"
        raise PresetError(told, "tenant")
    if version not in ("1", "2"):
        raise PresetError("must be 1 or 2, as the API's requestedAccessTokenVersion", "version")
    home, client = f"https://login.microsoftonline.com/{tenant}", "azp" if version == "2" else "appid"
    issuer = f"{home}/v2.0" if version == "2" else f"https://sts.windows.net/{tenant}/"
    keys = f"{home}/discovery/v2.0/keys" if version == "2" else f"{home}/discovery/keys"
    return Preset(issuer, keys, ClaimMap(scopes=(("scp",),), client=((client,),)), required_claims=((client,),))


def _cognito(given: Given, _: tuple[str, ...]) -> Preset:
    pool = given["user_pool"]
    region, _mark, rest = pool.partition("_")
    if not rest or "-" not in region:
        raise PresetError(f"{quoted(pool)} is no user pool id, such as eu-west-1_Ab12Cd34E", "user_pool")
    top = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    issuer = f"https://cognito-idp.{region}.{top}/{pool}"
    claims = ClaimMap(client=(("client_id",),), roles=(("cognito:groups",),), audience=("client_id",))
    return Preset(issuer, f"{issuer}/.well-known/jwks.json", claims)


def _google(_given: Given, _: tuple[str, ...]) -> Preset:
    return Preset(
        "https://accounts.google.com",
        "https://www.googleapis.com/oauth2/v3/certs",
        ClaimMap(client=(("azp",),)),
        aliases=("accounts.google.com",),
    )


_Make = Callable[[Given, tuple[str, ...]], Preset]
_PRESETS: Mapping[str, tuple[_Make, tuple[str, ...], tuple[str, ...]]] = {
    "auth0": (_auth0, ("domain",), ()),
    "okta": (_okta, ("domain",), ("server",)),
    "ping": (_ping, (), ("environment", "region", "domain", "url")),
    "keycloak": (_keycloak, ("url", "realm"), ()),
    "entra": (_entra, ("tenant",), ("version",)),
    "cognito": (_cognito, ("user_pool",), ()),
    "google": (_google, (), ()),
}
"""Name -> how it is made, the keys that it needs, and those that it may have."""
NAMES = tuple(_PRESETS)
KEYS = tuple(dict.fromkeys(key for _, needed, more in _PRESETS.values() for key in (*needed, *more)))
"""The keys that belong to some preset."""


def keys_of(name: str) -> tuple[str, ...]:
    """The keys that go with the preset ``name``."""
    return (*_PRESETS[name][1], *_PRESETS[name][2])


def preset(name: str, given: Given, audiences: tuple[str, ...]) -> Preset:
    """The preset ``name`` for these keys; PresetError if one is missing, strange or of another preset."""
    make, needed, _ = _PRESETS[name]
    known = keys_of(name)
    for key in given:
        if key not in known:
            told = f"{key} does not go with preset: {name}" + (f", which takes {', '.join(known)}" if known else "")
            raise PresetError(told, key)
    for key in needed:
        if key not in given:
            raise PresetError(f"{key} is missing: preset: {name} needs {', '.join(needed)}")
    return make(given, audiences)
