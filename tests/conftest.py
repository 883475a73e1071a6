"""What every test may use: a database of its own on one real PostgreSQL, and word of missing parts."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsroom import app, demo, language
from newsroom import database as newsroom_database
from newsroom.demo import visitor
from newsroom.settings import Settings
from newsroom.web.demo import DemoPage
from tests import parts
from tests.house import SECRET
from tests.postgres import Clones, TestDatabase, TestServer, make_folder
from tests.street import Street

SERVER = pytest.StashKey[TestServer]()
ADDRESS = pytest.StashKey[str]()
MISSING = "Missing part: "

pytest.register_assert_rewrite("connectors.contract", "tests.sources")  # so that a broken promise shows its values
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


@pytest.fixture(scope="session")
async def voorbeeldstad(clones: Clones) -> AsyncIterator[TestDatabase]:
    """The demo as it stands now, without the weeks before: to make copies of."""
    made = await clones.make()
    connected = await newsroom_database.connect(made.url, 5)
    await demo.load(connected, SECRET, datetime.now(UTC), weeks=False)
    await connected.close()
    yield made
    await clones.drop(made)


@pytest.fixture
async def db(database: TestDatabase) -> AsyncIterator[newsroom_database.Database]:
    """The same, connected as the plain role."""
    connected = await newsroom_database.connect(database.url, 10)
    yield connected
    connected.pool.terminate()  # a test that failed may have left a connection out


@pytest.fixture
async def street(clones, voorbeeldstad, data) -> AsyncIterator[Street]:
    database = await clones.make(voorbeeldstad.name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(database_url=database.url, owner_database_url=database.owner_url, data=data, port=port,
                        trusted_proxies=("127.0.0.1",))
    page = DemoPage()
    async with app.run(settings, work_part=False, kinds=demo.demo_kinds(), more=(page.routes,)) as house:
        yield Street(house, page)
    await clones.drop(database)


@pytest.fixture
def quick(monkeypatch):
    """Residents who fill in and type at once."""
    monkeypatch.setattr("newsroom.web.limits.PATIENCE_SECONDS", 0)
    monkeypatch.setattr("newsroom.demo.doors.FILLING_IN", 0.0)
    monkeypatch.setattr(visitor, "A_SECOND", 10_000.0)
    monkeypatch.setattr(visitor, "READ", (0.0, 0.0))


@pytest.fixture
def data() -> Iterator[Path]:
    """An empty data directory that the embedded server can use."""
    folder = make_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
