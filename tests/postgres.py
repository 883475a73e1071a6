"""One embedded PostgreSQL for a whole test run, and a fresh migrated database per test."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from newsroom import embedded_place
from newsroom.database import migrate
from newsroom.embedded import EmbeddedPostgres

PREFIX = "newsroom-test-"
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 2 << 30  # what a whole run may need; containers often have only 64 MB there
TEMPLATE = "template_newsroom"
# no test run is recovered after a crash of the machine; workers share the server, so more connections; shared
# memory that goes with the folder when the server is killed
SERVER_SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB",
                   "max_connections": "300", "dynamic_shared_memory_type": "mmap"}


@dataclass(frozen=True)
class TestDatabase:
    """A database of its own for one test. `url` is the plain role's, `owner_url` migrates."""

    __test__ = False
    name: str
    url: str
    owner_url: str
    superuser_url: str


class TestServer:
    """The server of this run; workers of one run share it."""

    __test__ = False

    def __init__(self) -> None:
        if programs := os.environ.get("TEST_POSTGRES"):  # a folder with the programs of another version
            embedded_place._candidates = lambda: iter([Path(programs)])
        self.folder = make_folder()
        self.server = EmbeddedPostgres(self.folder, SERVER_SETTINGS)

    async def start(self) -> str:
        """Starts, migrates the template and returns the superuser's address of it."""
        await self.server.start()
        connection = await asyncpg.connect(self.server.url("postgres", "postgres"))
        await connection.execute(f"create database {TEMPLATE} template newsroom owner newsroom_owner")
        await connection.close()
        await migrate(self.server.url("newsroom_owner", TEMPLATE))
        return self.server.url("postgres", TEMPLATE)

    async def stop(self) -> None:
        await self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Clones:
    """Makes and drops copies of the template, for one worker. `address`: what `TestServer.start` gave."""

    def __init__(self, address: str, worker: str):
        self.address = address
        self.worker = worker
        self.count = 0
        self.connection: asyncpg.Connection | None = None

    async def make(self, of: str = TEMPLATE) -> TestDatabase:
        """A copy of a database that nobody is connected to."""
        if self.connection is None:
            self.connection = await asyncpg.connect(self.url("postgres", "postgres"))
        self.count += 1
        name = f"test_{self.worker}_{self.count}"
        # file_copy takes half the time of wal_log here
        await self.connection.execute(f"create database {name} template {of} owner newsroom_owner"
                                      " strategy file_copy")
        return TestDatabase(name, self.url("newsroom", name), self.url("newsroom_owner", name),
                            self.url("postgres", name))

    async def drop(self, database: TestDatabase) -> None:
        await self.connection.execute(f"drop database {database.name} with (force)")

    async def close(self) -> None:
        if self.connection:
            await self.connection.close()

    def url(self, user: str, database: str) -> str:
        return self.address.replace("//postgres@/" + TEMPLATE, f"//{user}@/{database}")


def make_folder() -> Path:
    """A temporary folder with a short path, open to the server's user, in memory where there is room."""
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    parent = MEMORY if roomy else Path("/tmp")
    for old in parent.glob(PREFIX + "*"):  # left by a run that was killed
        if not Path(f"/proc/{old.name.split('-')[2]}").exists():
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
    folder.chmod(0o711)
    return folder
