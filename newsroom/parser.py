"""Parser children: hostile input is read in a process of its own, with limits on time and memory.

The children are ours and long-lived, one delivery each at a time. A delivery that takes too long or too much costs
its child, never another delivery.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import struct
import subprocess
import sys
from dataclasses import dataclass

from connectors import Delivery, Incoming, connectors

QUICK_SECONDS = 0.5  # longer: the slow lane, so that the others go on
CPU_SECONDS = 10  # of one delivery, in the slow lane
WALL_SECONDS = 20.0  # of one delivery, in the slow lane: the machine may be busy
MEMORY_BYTES = 768 * 2**20  # address space of a child
ANSWER_BYTES = 256 * 2**20  # of one child; a batch of deliveries is at most 20 MB, or one larger delivery
PROGRAM = "from newsroom.parser import main; main()"
LENGTH = struct.Struct(">Q")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A delivery that could not be read. `problem` is a code: `too_slow`, `too_large` or `broken`."""

    problem: str


class Slow(Exception):
    """Not read within QUICK_SECONDS; the child is gone."""


class CannotStart(OSError):
    """No child could be made: the machine has no room. Nothing is wrong with the delivery."""


class Parsers:
    """A few children. `parse` reads one delivery; it raises `Slow` only when `quick`."""

    def __init__(self, size: int = 2):
        self._free: asyncio.Queue[_Child] = asyncio.Queue()
        self._children = [_Child() for _ in range(size)]
        for child in self._children:
            self._free.put_nowait(child)

    async def parse(self, kind: str, deliveries: list[Delivery], quick: bool) -> list[list[Incoming] | Unreadable]:
        """Read deliveries of one connector in one child, in order. With `quick`, a delivery over QUICK_SECONDS
        raises `Slow`."""
        child = await self._free.get()
        try:
            seconds = QUICK_SECONDS + 0.02 * len(deliveries) if quick else WALL_SECONDS
            return await child.ask((kind, CPU_SECONDS, deliveries), seconds)
        except TimeoutError:
            child.kill()
            if quick:
                raise Slow from None
            return [Unreadable("too_slow")] * len(deliveries)
        except CannotStart:
            child.kill()
            raise
        except (EOFError, OSError, asyncio.IncompleteReadError, pickle.UnpicklingError):
            child.kill()  # killed by its limits
            if quick:
                raise Slow from None
            return [Unreadable("too_large")] * len(deliveries)
        except BaseException:
            child.kill()  # an answer would come for a question that nobody asks any more
            raise
        finally:
            self._free.put_nowait(child)

    async def close(self) -> None:
        for child in self._children:
            child.kill()


class _Child:
    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, question: tuple, seconds: float) -> list:
        if self._process is None or self._process.returncode is not None:
            await self._start()
        process = self._process
        data = pickle.dumps(question, pickle.HIGHEST_PROTOCOL)
        async with asyncio.timeout(seconds):
            process.stdin.write(LENGTH.pack(len(data)) + data)
            await process.stdin.drain()
            size = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))[0]
            if size > ANSWER_BYTES:
                raise EOFError("the answer is too large")
            answer = await process.stdout.readexactly(size)
        return pickle.loads(answer)  # noqa: S301 - our own child, and no data of the sender chooses its classes

    async def _start(self) -> None:
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=2**26,
                start_new_session=True)  # Ctrl-C is the parent's to handle
            async with asyncio.timeout(WALL_SECONDS):
                await self._process.stdout.readexactly(1)  # it has imported what it needs; that is not the mail's time
        except (OSError, EOFError) as error:  # a time-out is an OSError
            raise CannotStart("no parser could be started") from error

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        self._process = None


def read(kind: type, delivery: Delivery) -> list[Incoming] | Unreadable:
    """Read one delivery. A fault in the connector makes it unreadable, never lost."""
    try:
        return kind.parse(delivery) or Unreadable("empty")
    except MemoryError:
        return Unreadable("too_large")
    except Exception:  # any fault of a parser: the delivery is kept and a card tells it
        return Unreadable("broken")


def main() -> None:
    """The child: questions on stdin, answers on stdout, until the parent goes."""
    import resource

    kinds = connectors()
    source, target = sys.stdin.buffer, sys.stdout.buffer
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    target.write(b"!")
    target.flush()
    while head := source.read(LENGTH.size):
        kind, cpu, deliveries = pickle.loads(source.read(LENGTH.unpack(head)[0]))  # noqa: S301 - from our parent
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        # the limit counts all CPU of this process so far, so it is raised for each question
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + cpu * max(1, len(deliveries) // 50) + 1,
                                                 resource.RLIM_INFINITY))
        answer = pickle.dumps([read(kinds[kind], delivery) for delivery in deliveries], pickle.HIGHEST_PROTOCOL)
        target.write(LENGTH.pack(len(answer)) + answer)
        target.flush()
