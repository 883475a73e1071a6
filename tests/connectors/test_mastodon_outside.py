"""A server, a picture and a stream are only reached where that is allowed: never a network inside."""

from __future__ import annotations

import asyncio

import pytest

from connectors import Secret, SignInNeeded, outbound
from connectors.mastodon import Mastodon, Settings, gather, stream

INSIDE = ["127.0.0.1", "localhost", "[::1]", "10.0.0.5", "169.254.169.254", "[::ffff:127.0.0.1]", "0.0.0.0",
          "192.168.1.1", "2130706433", "0177.0.0.1", "[fd00::1]", "[64:ff9b::7f00:1]"]


@pytest.fixture(autouse=True)
def nothing_permitted(monkeypatch):
    monkeypatch.setattr(outbound, "_permitted", ())


@pytest.fixture
async def canary():
    """Who listens inside, and counts who comes."""
    seen = []

    async def serve(reader, writer):
        seen.append(await reader.read(10))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], seen
    server.close()


@pytest.mark.parametrize("host", INSIDE)
async def test_nothing_inside_is_reached(host, canary):
    port, seen = canary
    connector = Mastodon(Settings(server=f"https://{host}:{port}", token=Secret("geheim")))
    steps = await connector.check()
    assert not steps[0].ok and "geheim" not in f"{steps}"
    await connector.close()
    files = await gather._files([{"id": "1", "type": "image", "url": f"https://{host}:{port}/a.png"}])
    assert ["file-missing"] == [one["problem"] for one in files]
    with pytest.raises(OSError):
        await stream.opened(f"wss://{host}:{port}", "geheim")
    assert [] == seen


@pytest.mark.parametrize("address", ["http://sociaal.example", "file:///etc/passwd", "https://", "https://a:b@c.example",
                                     "https://sociaal.example:99999"])
async def test_an_odd_address_waits_for_an_administrator(address):
    connector = Mastodon(Settings(server=address, token=Secret("geheim")))
    with pytest.raises(SignInNeeded):
        async for _ in connector.listen({}):
            pass
    await connector.close()


async def test_a_redirect_to_the_inside_is_not_followed(canary, monkeypatch):
    port, seen = canary
    monkeypatch.setattr(outbound, "_permitted", ())

    async def lead(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
                     + f"Location: http://127.0.0.2:{port}/a\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    outbound.permit(["127.0.0.1/32"])
    own = server.sockets[0].getsockname()[1]
    files = await gather._files([{"id": "1", "type": "image", "url": f"http://127.0.0.1:{own}/a.png"}])
    server.close()
    assert (["file-missing"], []) == ([one["problem"] for one in files], seen)
