"""What goes out to an address that somebody filled in reaches no network inside, however the address is spelled."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest
from aiohttp import ClientConnectorDNSError, web
from aiohttp.test_utils import TestServer

from connectors import Author, ExternalId, Outgoing, TryLater, connectors, outbound
from connectors.away import settings_of
from connectors.email import smtp

SEEN = web.AppKey("seen", list[str])
# spellings of addresses that are inside; the port is filled in
INSIDE = """
    127.0.0.1 127.1 127.0.1 127.255.255.254 2130706433 017700000001 0x7f000001 0x7f.1 0177.0.0.1 0 0.0.0.0 localhost
    localhost. LOCALHOST [::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:0001] [64:ff9b::7f00:1]
    [64:ff9b::10.0.0.1] [2002:7f00:1::] [2002:a00:1::1] [2001:0:53aa:64c:0:ffff:80ff:fffe] [fe80::1] [fc00::1] [fd12::1]
    [ff02::1] [100::1] [2001:db8::1] 10.0.0.1 10.1 0xa.1 172.16.0.1 172.31.255.255 192.168.0.1 192.168.257
    169.254.169.254 2852039166 100.64.0.1 198.18.0.1 192.0.0.1 192.0.2.1 198.51.100.1 203.0.113.1 224.0.0.1
    239.255.255.250 240.0.0.1 255.255.255.255 127.0.0.1.
""".split()
NO_WEBSITE = ["", "example", "/pad", "ftp://voorbeeld.example/", "file:///etc/passwd", "gopher://127.0.0.1/", "https://",
              "https:///pad", "javascript:alert(1)", "https://[::1", "https://a:99999/", "https://a\nb/", "http://a.example/"]


@pytest.fixture
async def canary() -> AsyncIterator[TestServer]:
    """A server on every address of this machine; `app[SEEN]` are the paths that were asked."""
    app = web.Application()
    app[SEEN] = []

    async def see(request: web.Request) -> web.Response:
        app[SEEN].append(request.path)
        raise web.HTTPTemporaryRedirect("/verder")

    app.router.add_route("*", "/{path:.*}", see)
    async with TestServer(app, host="0.0.0.0") as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_permitted():
    outbound.permit([])
    yield
    outbound.permit([])


@pytest.mark.parametrize("host", INSIDE)
async def test_an_address_inside_is_refused_before_a_connection(canary, host):
    with pytest.raises((outbound.NotAllowed, ClientConnectorDNSError)):  # or a name that nobody knows
        await outbound.post(f"https://{host}:{canary.port}/", b"", {}, seconds=5)
    with pytest.raises(outbound.NotAllowed):
        await outbound.post(f"http://{host}:{canary.port}/", b"", {}, seconds=5)
    assert [] == canary.app[SEEN]


@pytest.mark.parametrize("url", NO_WEBSITE)
async def test_what_is_no_website_over_https_is_refused(url):
    with pytest.raises(outbound.NotAllowed):
        await outbound.post(url, b"", {})


async def test_a_name_that_means_something_else_the_second_time_is_refused(canary, monkeypatch):
    """The first answer is public, as when somebody looks before filling it in; the connection asks again."""
    answers = iter(["93.184.216.34", "127.0.0.1"])
    loop = asyncio.get_running_loop()

    async def resolve(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    assert outbound.allowed((await loop.getaddrinfo("draai.example", 443))[0][4][0])
    with pytest.raises(outbound.NotAllowed):
        await outbound.post(f"https://draai.example:{canary.port}/", b"", {}, seconds=5)
    assert [] == canary.app[SEEN]


async def test_a_session_refuses_what_a_name_turns_out_to_be(canary):
    async with outbound.session(5) as client:
        with pytest.raises(outbound.NotAllowed):
            await client.get(f"https://localhost:{canary.port}/")
    assert [] == canary.app[SEEN]


@pytest.fixture
async def deaf(monkeypatch) -> AsyncIterator[int]:
    """The port of a machine that never answers a connection: its queue is full and nobody takes any out."""
    outbound.permit(["127.0.0.0/8"])
    for module in (outbound, smtp):
        monkeypatch.setattr(module, "CONNECT_SECONDS", 0.3)
    with ExitStack() as stack:
        here = stack.enter_context(socket.socket())
        here.bind(("127.0.0.1", 0))
        here.listen(0)
        while True:
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(here.getsockname())
            _, connected, _ = await asyncio.to_thread(select.select, [], [caller], [], 0.2)
            if not connected:
                break
        yield here.getsockname()[1]


OUT = Outgoing("key", ExternalId("<1@voorbeeldstad.example>"), "Onderwerp", "Tekst", public=True,
               to=(Author("email", "jan@voorbeeld.example"),), answers_to=ExternalId("social.example/1"))


@pytest.mark.parametrize("name", ["email", "mastodon", "webhook"])
async def test_a_connection_that_takes_too_long_was_certainly_not_sent(deaf, name):
    kind = connectors()[name]
    connector = kind(settings_of(kind, deaf))
    with pytest.raises(TryLater) as raised:
        await connector.send(OUT)
    await connector.close()
    assert "Misschien" not in str(raised.value)


async def test_what_was_certainly_not_sent_has_one_name(deaf):
    with pytest.raises(outbound.NOT_SENT):
        await outbound.post(f"http://127.0.0.1:{deaf}/", b"", {})


async def test_the_operator_allows_networks_and_a_redirect_is_an_answer(canary):
    outbound.permit(["127.0.0.0/8"])
    answer = await outbound.post(f"http://127.0.0.1:{canary.port}/hier", b"x", {})
    assert (307, "/verder", ["/hier"]) == (answer.status, answer.headers["location"], canary.app[SEEN])
    with pytest.raises(outbound.NotAllowed):
        await outbound.post("https://10.0.0.1/", b"", {})


async def test_a_name_is_never_reached_in_the_clear(canary):
    outbound.permit(["127.0.0.0/8"])
    with pytest.raises(outbound.NotAllowed):
        await outbound.post(f"http://intern.example:{canary.port}/", b"", {})


@pytest.mark.parametrize(("header", "seconds"), [({}, 60), ({"retry-after": "7"}, 7), ({"retry-after": "99999"}, 3600),
                                                 ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 60),
                                                 ({"retry-after": "-1"}, 60), ({"retry-after": "٣"}, 60)])
def test_retry_after_is_believed_within_reason(header, seconds):
    assert seconds == outbound.Answer(429, header, b"").after


def test_public_addresses_are_allowed():
    assert all(map(outbound.allowed, ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34"]))
