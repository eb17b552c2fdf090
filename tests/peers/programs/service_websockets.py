"""The ``websockets`` library's server: echoes, says what it saw of the handshake, counts, and closes when told to."""

import asyncio
import json

from websockets.asyncio.server import serve


async def connection(socket):
    """One of them; it ends when the client does."""
    async for message in socket:
        match message:
            case "seen":
                headers = [[name.lower(), value] for name, value in socket.request.headers.raw_items()]
                await socket.send(json.dumps({"path": socket.request.path, "headers": headers}))
            case "close":
                await socket.close(4001, "as told")
            case "ping":
                await (await socket.ping())
                await socket.send("ponged")
            case _:
                await socket.send(message)


async def main():
    """Serve for ever."""
    async with serve(
        connection, "127.0.0.1", 0, select_subprotocol=lambda _, offered: next(iter(offered), None), max_size=None
    ) as server:
        print(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


asyncio.run(main())
