"""The fan-out bench runs: every socket gets every change, through our own socket and beside the bare server."""

from __future__ import annotations

import pytest

from tests.bench import fanout
from tests.bench.place import place

SOCKETS = 50


@pytest.mark.slow
async def test_fifty_sockets_get_every_change_while_one_is_stalled():
    async with place() as here:
        for kind in ("live", "bare"):
            found = await fanout.fan(here, kind, SOCKETS, quick=True)
            assert len(found["times"]) == fanout.ROUNDS_QUICK and fanout.speed(found, SOCKETS) > 0
            assert ("stalled" in found) == (kind == "live")
