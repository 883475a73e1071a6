"""Workers that a test kills with -9. They are forked from one process that has everything imported, so that the next
one is at work at once; none outlives the tests."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from connectors import Outgoing, Sent, connectors, outbound
from newsroom.database import connect
from newsroom.outbox import Outbox
from tests.house import SECRET, make_intake
from tests.sources import here

SECONDS = 60.0  # a worker that says nothing for so long has died

Work = Callable[..., Awaitable[None]]


class Nursery:
    """Has workers begin. What they say comes line by line."""

    def __init__(self, process: asyncio.subprocess.Process):
        self._process = process

    async def bear(self, work: Work, *arguments: Any) -> int:
        """The process id of a new worker, once it says that it is ready."""
        assert self._process.stdin
        self._process.stdin.write(pickle.dumps((work.__name__, arguments)).hex().encode() + b"\n")
        word, pid = (await self.line()).split()
        assert word == "ready"
        return int(pid)

    async def line(self) -> str:
        """What one of them says next."""
        assert self._process.stdout
        async with asyncio.timeout(SECONDS):
            return (await self._process.stdout.readline()).decode()


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.nursery", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, start_new_session=True)
    yield Nursery(process)
    assert process.stdin
    process.stdin.close()
    await process.wait()


async def reading(url: str, limit: int, children: bool) -> None:
    """Reads deliveries, so many at a time; with `children` hostile ones in a process of their own."""
    intake = make_intake(await connect(url, 3), connectors() if children else here())
    say("ready", os.getpid())
    while True:
        await intake.step(slow=False, limit=limit)
        await intake.step(slow=True)


async def sending(url: str, kind: str, settings: Any) -> None:
    """Sends what is queued over this connector, and then stands still instead of writing down that it did."""
    outbound.permit(["127.0.0.0/8"])
    db, connector = await connect(url, 3), connectors()[kind](settings)

    class Still:
        capabilities = connector.capabilities

        async def send(self, outgoing: Outgoing) -> Sent:
            await connector.send(outgoing)
            say("sent", os.getpid())
            await asyncio.Event().wait()

    async def found(_: int) -> Any:
        return Still()

    say("ready", os.getpid())
    await Outbox(db, found, SECRET, lambda: None).run()


def say(*words: Any) -> None:
    print(*words, flush=True)


def main() -> None:
    """Fork for each line, until there are no more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who was killed is buried at once
    for line in sys.stdin:
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            name, arguments = pickle.loads(bytes.fromhex(line))
            asyncio.run(globals()[name](*arguments))
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
