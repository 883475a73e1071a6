"""What every test may use: a database of its own on one real PostgreSQL, and word of missing parts."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from newsroom import database as newsroom_database
from newsroom import language
from tests import parts
from tests.postgres import Clones, TestDatabase, TestServer, make_folder

SERVER = pytest.StashKey[TestServer]()
ADDRESS = pytest.StashKey[str]()
MISSING = "Missing part: "

pytest.register_assert_rewrite("connectors.contract")  # so that a broken promise shows its values
language.strict = True  # a missing text fails instead of showing its key


def pytest_configure(config: pytest.Config) -> None:
    """With several workers their parent starts the one server: it outlives them all."""
    several = getattr(config.option, "numprocesses", None) and not config.option.collectonly
    if several and not hasattr(config, "workerinput"):
        config.stash[SERVER] = TestServer()
        config.stash[ADDRESS] = asyncio.run(config.stash[SERVER].start())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    node.workerinput["postgres"] = node.config.stash[ADDRESS]


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVER in config.stash:
        asyncio.run(config.stash[SERVER].stop())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test that wants a program we do not have is skipped by hand, and fails where CI=true."""
    for mark, name in parts.INSTALL.items():
        if item.get_closest_marker(mark) and not parts.program(mark):
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING + name)


def pytest_terminal_summary(terminalreporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    for name in parts.INSTALL.values():
        if number := sum(MISSING + name in reason for reason in reasons):
            text = f"{number} tests NOT RUN: {name} is not installed"
            terminalreporter.write_sep("!", text, red=True, bold=True)


@pytest.fixture(scope="session")
async def clones(request: pytest.FixtureRequest) -> AsyncIterator[Clones]:
    """Databases on the run's server, which this process starts itself when it is the only one."""
    worker = getattr(request.config, "workerinput", {})
    server = None if "postgres" in worker else TestServer()
    address = await server.start() if server else worker["postgres"]
    clones = Clones(address, worker.get("workerid", "solo"))
    yield clones
    await clones.close()
    if server:
        await server.stop()


@pytest.fixture
async def database(clones: Clones) -> AsyncIterator[TestDatabase]:
    """An empty, migrated database for this test alone."""
    made = await clones.make()
    yield made
    await clones.drop(made)


@pytest.fixture
async def db(database: TestDatabase) -> AsyncIterator[newsroom_database.Database]:
    """The same, connected as the plain role."""
    connected = await newsroom_database.connect(database.url, 10)
    yield connected
    connected.pool.terminate()  # a test that failed may have left a connection out


@pytest.fixture
def data() -> Iterator[Path]:
    """An empty data directory that the embedded server can use."""
    folder = make_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
