"""Thousands of browsers in one process, as cheap as can be: `python -m tests.bench.crowd TASK JSON`.

A socket is a protocol that cuts the stream into frames and notes when the last of all sockets got each. `TASK` is
`fan` (publish, wait for the last socket, again), `deliver` (hand deliveries to a house at a pace), `post` (hand them
over as fast as they are answered) or `weigh` (what the house weighs). Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import aiohttp

CONNECTING = 50  # handshakes under way at any moment
STALLED_BUFFER = 4096  # bytes the kernel keeps for a client that never reads
POSTING = 64  # programs that hand over at the same time, each on a connection of its own
WARM = 500  # requests before the clock starts


def raise_limit() -> None:
    """As many open files as we may have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Crowd:
    """All sockets. `heard` has, for each frame, how many got it and when the last did (seconds, `perf_counter`)."""

    def __init__(self, size: int):
        self.size = size
        self.heard: dict[bytes, list] = {}
        self.all_have = asyncio.Event()  # set when every socket has some frame

    def hear(self, frame: bytes) -> None:
        if not frame.startswith(b'{"t":"b"') and not frame.startswith(b'{"t": "b"'):
            return
        known = self.heard.get(frame)
        if known is None:
            known = self.heard[frame] = [0, 0.0]
        known[0] += 1
        if known[0] == self.size:
            known[1] = time.perf_counter()
            self.all_have.set()


class Browser(asyncio.Protocol):
    """One socket: the handshake, then frames of a server (never masked, never in parts)."""

    def __init__(self, crowd: Crowd, request: bytes):
        self._crowd, self._request, self._rest = crowd, request, b""
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        if not self.opened.done():
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            self.opened.set_result(head.split(b"\r\n")[0])
        while len(data) >= 2:
            start, length = 2, data[1]
            if length == 126:
                start, length = 4, int.from_bytes(data[2:4])
            elif length == 127:
                start, length = 10, int.from_bytes(data[2:10])
            if len(data) < start + length or len(data) < start:
                break
            self._crowd.hear(data[start:start + length])
            data = data[start + length:]
        self._rest = data

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionError("closed before it was open"))


class Control:
    """The line to the server's control port."""

    async def open(self, port: int) -> Control:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    def say(self, word: str) -> None:
        self._writer.write(word.encode() + b"\n")

    async def ask(self, word: str) -> dict[str, float]:
        self.say(word)
        return json.loads(await self._reader.readline())


async def gather(crowd: Crowd, task: dict[str, Any]) -> list[Browser]:
    """Open all sockets."""
    lines = [f"GET /live?since={task.get('since', '')} HTTP/1.1", f"Host: 127.0.0.1:{task['port']}",
             "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *(f"{k}: {v}" for k, v in task["headers"].items())]
    request = "\r\n".join([*lines, "", ""]).encode()
    loop, browsers = asyncio.get_running_loop(), []
    slots = asyncio.Semaphore(CONNECTING)

    async def one() -> None:
        async with slots:
            _, browser = await loop.create_connection(lambda: Browser(crowd, request), "127.0.0.1", task["port"])
            answer = await asyncio.wait_for(browser.opened, 30)
            assert b" 101 " in answer, answer
            browsers.append(browser)

    await asyncio.gather(*(one() for _ in range(crowd.size)))
    return browsers


async def stalled(task: dict[str, Any]) -> socket.socket:
    """One more socket, which takes its handshake and never reads again."""
    never = socket.socket()
    never.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STALLED_BUFFER)
    never.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(never, ("127.0.0.1", task["port"]))
    lines = ["GET /live HTTP/1.1", f"Host: 127.0.0.1:{task['port']}", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
             *(f"{k}: {v}" for k, v in task["headers"].items()), "", ""]
    await loop.sock_sendall(never, "\r\n".join(lines).encode())
    assert b" 101 " in await loop.sock_recv(never, 200)
    return never


async def fan(task: dict[str, Any]) -> dict[str, Any]:
    """Times to the last socket, in ms, of each of `rounds`; the server's cost; and the same with one stalled."""
    control = await Control().open(task["control"])
    empty = await control.ask("usage")
    crowd = Crowd(task["size"])
    browsers = await gather(crowd, task)
    await rounds(crowd, control, 20)
    full = await control.ask("usage")
    times = await rounds(crowd, control, task["rounds"])
    done = await control.ask("usage")
    found = {"times": times, "cpu": done["cpu"] - full["cpu"], "kb": (full["kb"] - empty["kb"]) / len(browsers)}
    if task.get("stall"):
        never = await stalled(task)
        await control.ask("stall")
        with_it, without = [], list(times)
        with_it = await rounds(crowd, control, task["rounds"])
        never.close()
        without += await rounds(crowd, control, task["rounds"])
        found |= {"stalled": with_it, "free": without}
    return found


async def rounds(crowd: Crowd, control: Control, n: int) -> list[float]:
    """Publish `n` times, each when the last socket has the one before. Returns ms."""
    times = []
    for _ in range(n):
        crowd.heard.clear()
        crowd.all_have.clear()
        start = time.perf_counter()
        control.say("publish")
        await asyncio.wait_for(crowd.all_have.wait(), 30)
        last, = (at for count, at in crowd.heard.values() if count == crowd.size)
        times.append((last - start) * 1000)
    return times


async def deliver(task: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds from the answer to a delivery until the last socket has its card; None: never."""
    control = await Control().open(task["control"])
    crowd = Crowd(task["size"])
    await gather(crowd, task)
    answered: dict[bytes, float] = {}
    url = f"http://127.0.0.1:{task['port']}/api/v1/kanalen/{task['channel']}/leveringen"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {task['token']}"}) as client:
        async def put(number: int) -> None:
            async with client.post(url, json=form(number), headers={"Idempotency-Key": f"bench-{number}"}) as answer:
                at = time.perf_counter()
                assert answer.status < 300, await answer.text()
                answered[(await answer.json())["reference"].encode()] = at

        start, sending = time.perf_counter(), []
        for number in range(task["n"]):
            await asyncio.sleep(start + number / task["pace"] - time.perf_counter())
            sending.append(asyncio.create_task(put(number)))
        await asyncio.gather(*sending)
    await asyncio.sleep(2)
    lasts = [(frame, at) for frame, (count, at) in crowd.heard.items() if count == crowd.size]
    times = [min((at for frame, at in lasts if reference in frame), default=None) for reference in answered]
    made = [None if at is None else (at - answered[reference]) * 1000
            for reference, at in zip(answered, times, strict=True)]
    return {"times": made, **await control.ask("usage")}


class Program(asyncio.Protocol):
    """A program that hands over one delivery after the other on one connection, each when the last was answered."""

    def __init__(self, requests: Iterator[bytes], times: list[float]):
        self._requests, self._times, self._rest = requests, times, b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self.ended.set_result(None)
            return
        self._start = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        head, end, body = self._rest.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]):
            return
        if not head.startswith(b"HTTP/1.1 202 "):
            self.ended.set_exception(AssertionError(self._rest.decode()))
            return
        self._rest = b""
        self._times.append((time.perf_counter() - self._start) * 1000)
        self._next()


async def post(task: dict[str, Any]) -> dict[str, Any]:
    """Answers a second, the ms of each, and how many deliveries the server kept of those whose time was taken."""
    control = await Control().open(task["control"])
    await hand_over(task, "warm", WARM)
    before = (await control.ask("kept"))["kept"]
    start = time.perf_counter()
    times = await hand_over(task, "bench", task["n"])
    seconds = time.perf_counter() - start
    return {"rate": task["n"] / seconds, "times": times, "kept": (await control.ask("kept"))["kept"] - before}


async def hand_over(task: dict[str, Any], name: str, n: int) -> list[float]:
    """Hand over `n` deliveries from POSTING programs at once; the ms of each."""
    times: list[float] = []
    requests = iter([posted(task, f"{name}-{number}", number) for number in range(n)])
    loop, ended = asyncio.get_running_loop(), []
    for _ in range(POSTING):
        _, one = await loop.create_connection(lambda: Program(requests, times), "127.0.0.1", task["port"])
        ended.append(one.ended)
    await asyncio.wait_for(asyncio.gather(*ended), 300)
    return times


def posted(task: dict[str, Any], key: str, number: int) -> bytes:
    """A delivery as it goes over the line."""
    body = json.dumps(form(number)).encode()
    lines = [f"POST /api/v1/kanalen/{task['channel']}/leveringen HTTP/1.1", f"Host: 127.0.0.1:{task['port']}",
             f"Authorization: Bearer {task['token']}", f"Idempotency-Key: {key}", "Content-Type: application/json",
             f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def weigh(task: dict[str, Any]) -> dict[str, float]:
    """The house's resident KB alone, with open boards, and after messages."""
    control = await Control().open(task["control"])
    idle = await control.ask("usage")
    crowd = Crowd(task["size"])
    await gather(crowd, task)
    boards = await control.ask("usage")
    url = f"http://127.0.0.1:{task['port']}/api/v1/kanalen/{task['channel']}/leveringen"
    numbers = iter(range(task["n"]))
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {task['token']}"}) as client:
        async def put() -> None:
            for number in numbers:
                key = {"Idempotency-Key": f"bench-{number}"}
                async with client.post(url, json=form(number), headers=key) as answer:
                    assert answer.status < 300, await answer.text()
                crowd.heard.clear()

        await asyncio.gather(*(put() for _ in range(32)))
    messages = await control.ask("usage")
    return {"idle": idle["kb"], "boards": boards["kb"], "messages": messages["kb"]}


def form(number: int) -> dict[str, Any]:
    return {"name": f"Inwoner {number}", "email": f"inwoner{number}@post.example", "subject": f"Melding {number}",
            "text": "De container aan de Kerkstraat is sinds maandag niet geleegd en loopt over."}


TASKS = {"fan": fan, "deliver": deliver, "post": post, "weigh": weigh}

if __name__ == "__main__":
    raise_limit()
    print(json.dumps(asyncio.run(TASKS[sys.argv[1]](json.loads(sys.argv[2])))))
