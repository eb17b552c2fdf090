"""What the engine answers by itself leaves nothing behind that could pass for a request."""

import trio
from trio.testing import wait_all_tasks_blocked

from sidecar.contract.snapshot import Route

from ..proxy.stage import OK, Peer, bearer, express_stage, request, snapshot

FALSE = bearer()[:-6] + b"AAAA\r\n"


async def test_the_rest_of_a_refused_body_is_no_request() -> None:
    """Refused on the word of an earlier one, a request whose body is still to come takes it along, whatever it says."""
    async with express_stage(snapshot=snapshot(Route("/public/**", access="public"), Route("/**"))) as stage:

        async def service(peer: Peer) -> None:
            while True:
                await peer.head()
                await peer.send(OK)

        stage.service = service
        client = stage.client()
        for token, body in ((bearer(), b""), (FALSE, b"x"), (FALSE, b"x")):
            length = b"Content-Length: %d\r\n" % len(body)
            await client.send(request("/mine/a", token, length, method="POST", body=body))
            head = await client.head()
            await client.exactly(int(head.all("content-length")[0]))
        smuggled = request("/public/smuggled")
        length = b"Content-Length: %d\r\n" % len(smuggled)
        await client.send(request("/mine/a", FALSE, length, method="POST"))
        await wait_all_tasks_blocked()
        await client.send(smuggled)
        head = await client.head()
        assert head.first == "HTTP/1.1 401 Unauthorized"
        await client.exactly(int(head.all("content-length")[0]))
        await client.send(request("/public/honest"))
        with trio.fail_after(5):
            assert (await client.head()).first == "HTTP/1.1 200 OK"
        await client.close()
        await wait_all_tasks_blocked()
    assert [record.path for record in stage.records] == ["/mine/a"] * 4 + ["/public/honest"]
