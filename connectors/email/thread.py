"""A generator that blocks, run step by step in one daemon thread of its own.

Not in the event loop's executor: a handful of idle mailboxes fill that, and then name look-ups and even a clean
exit wait for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()


async def in_thread(steps: Iterator[T], stop: Callable[[], None], name: str) -> AsyncGenerator[T, None]:
    """Yields what `steps` yields and raises what it raises. A step is only taken when it is asked for.

    `stop` must end a step that blocks (close its socket). It is called from the event loop's thread, once.
    """
    loop = asyncio.get_running_loop()
    asked: SimpleQueue[asyncio.Future[Any] | None] = SimpleQueue()
    Thread(target=_serve, args=(steps, asked, loop), name=name, daemon=True).start()
    try:
        while True:
            answer = loop.create_future()
            asked.put(answer)
            if (step := await answer) is _END:
                return
            yield step
    finally:
        asked.put(None)
        stop()


async def once(function: Callable[[], T], stop: Callable[[], None], name: str) -> T:
    """One call of a function that blocks."""
    async with aclosing(in_thread((function() for _ in "1"), stop, name)) as results:
        return await anext(results)


def _serve(steps: Iterator[Any], asked: SimpleQueue, loop: asyncio.AbstractEventLoop) -> None:
    while (answer := asked.get()) is not None:
        result, error = _END, None
        try:
            result = next(steps, _END)
        except BaseException as raised:  # handed to whoever waits: nobody else would hear of it
            error = raised
        try:
            loop.call_soon_threadsafe(_settle, answer, result, error)
        except RuntimeError:  # the loop is closed: the program is ending
            break
    getattr(steps, "close", lambda: None)()


def _settle(answer: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if answer.done():  # the waiter was cancelled
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)
