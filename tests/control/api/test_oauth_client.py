"""A client that nobody here wrote, Authlib's, through the whole of it: code, refresh, introspection, revocation."""

import warnings
from urllib.parse import urlsplit

import httpx
import trio
from authlib.deprecate import AuthlibDeprecationWarning

from control.app import site
from control.distribution import PushServer
from control.mesh import Mesh

from .conftest import POLICY

with warnings.catch_warnings():
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)  # it would rather have a successor of httpx
    from authlib.integrations.httpx_client import AsyncOAuth2Client

HERE, BACK = "https://control.test", "https://web.shop.test/back"


def decided(mesh: Mesh, token: str) -> str:
    """What a sidecar says to it."""
    return str(mesh.explain("orders", "GET", "/orders/7", token).decision.reason)


async def test_authlibs_client_goes_through(mesh: Mesh, nursery: trio.Nursery) -> None:
    """To a token that the sidecars take, to the next, and back to one that they do not take."""
    mesh.push(POLICY, {}, {}, "test")
    app, secret = mesh.applications.create("web", "test", scopes=["orders:read", "openid"])
    ann = mesh.people.users.create("ann", "test")
    mesh.clients.register(app.client_id, [BACK], "test", 0.0)
    fleet = PushServer(mesh)
    await nursery.start(fleet.distribute)
    transport = httpx.ASGITransport(site(mesh, fleet))
    async with AsyncOAuth2Client(
        app.client_id,
        secret,
        scope="openid orders:read",
        redirect_uri=BACK,
        code_challenge_method="S256",
        transport=transport,
    ) as client:
        verifier = "v" * 64
        url, state = client.create_authorization_url(f"{HERE}/oauth2/authorize", code_verifier=verifier, nonce="n")
        answer = mesh.authorization.allow(urlsplit(url).query, ann.id, 1)
        token = await client.fetch_token(
            f"{HERE}/oauth2/token", authorization_response=answer, code_verifier=verifier, state=state
        )
        assert token["scope"] == "openid orders:read" and token["id_token"].count(".") == 2
        assert (await client.get(f"{HERE}/oauth2/userinfo")).json() == {"sub": ann.id}
        assert decided(mesh, token["access_token"]) == "allowed"
        token = await client.refresh_token(f"{HERE}/oauth2/token")
        told = await client.introspect_token(f"{HERE}/oauth2/introspect", token=token["access_token"])
        assert told.json()["active"] and told.json()["sub"] == ann.id
        gone = await client.revoke_token(f"{HERE}/oauth2/revoke", token=token["refresh_token"])
        assert gone.status_code == 200
    assert decided(mesh, token["access_token"]) == "token_revoked"
