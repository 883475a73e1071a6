"""What a house weighs, and how long it takes to stand up."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from tests.bench.crowd import free_port
from tests.bench.fanout import crowd, server
from tests.bench.figure import Figure, cost
from tests.bench.place import Place

BOARDS = 100
MESSAGES, MESSAGES_QUICK = int(os.environ.get("BENCH_MESSAGES", "100000")), 200


async def run(place: Place, quick: bool) -> list[Figure]:
    """Resident memory of the one process, without the database's; then seconds until pages are served."""
    n = MESSAGES_QUICK if quick else MESSAGES
    async with server(place, "house") as told:
        found = await crowd("weigh", told | {"size": BOARDS, "n": n})
    figures = [cost("memory: nobody there", found["idle"] / 1024, unit="MB"),
               cost(f"memory: {BOARDS} boards", found["boards"] / 1024, unit="MB"),
               cost(f"memory: after {n:,} messages", found["messages"] / 1024, unit="MB")]
    folder = Path(tempfile.mkdtemp(prefix="newsroom-bench-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        figures += [cost(f"start: {name}", await started(folder), unit="s") for name in ("the first", "a later one")]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


async def started(folder: Path) -> float:
    """Seconds from the command until the sign-in page is there, with a database of its own in `folder`."""
    port = free_port()
    environment = os.environ | {"NEWSROOM_DATA": str(folder), "NEWSROOM_PORT": str(port)}
    start = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "newsroom", "serve", env=environment, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with aiohttp.ClientSession() as client, asyncio.timeout(120):
            while True:
                try:
                    async with client.get(f"http://127.0.0.1:{port}/inloggen") as answer:
                        assert answer.status == 200, answer.status
                        return time.perf_counter() - start
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(.02)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
