"""The embedded PostgreSQL: a small supervisor over server programs that pip or the system brought.

Everything lives in DATA/postgres: `cluster` (the database), `run` (the socket), `postgres.log`. The server is
our child and ends with us. Whatever was killed, at whatever moment: the next start mends it.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import structlog

from newsroom import embedded_place as place
from newsroom.embedded_place import EmbeddedError

PORT = 5432  # only names the socket file; the server listens on no network address
READY_SECONDS = 60.0  # recovery after a crash replays at most a few seconds of log; a slow disk gets the rest
LOCK_SECONDS = 3.0  # a process that was just killed may need a moment to let go
STOP_SECONDS = 10.0  # then the next, harder signal
WATCH_SECONDS = 0.5  # a server that died is started again at most this much later
LOG_BYTES = 5_000_000  # an older log is kept once, as postgres.log.1
PR_SET_PDEATHSIG = 1  # prctl(2)
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None  # loaded before any fork
DATABASE = "newsroom"

SERVER_SETTINGS = {
    "listen_addresses": "", "port": str(PORT), "unix_socket_permissions": "0700",
    "shared_buffers": "256MB", "max_connections": "100", "autovacuum": "on", "synchronous_commit": "on",
    "random_page_cost": "1.1", "effective_cache_size": "1GB", "max_wal_size": "2GB", "timezone": "UTC",
    "log_timezone": "UTC", "cluster_name": "newsroom",
}

log = structlog.get_logger()


class EmbeddedPostgres:
    """One server on one data directory, for as long as this process lives.

    `data` is Newsroom's data directory, made when missing. `settings` go on top of SERVER_SETTINGS.
    Start it from the main thread: the system ends the server when the *thread* that started it ends.
    """

    def __init__(self, data: Path, settings: dict[str, str] | None = None):
        self.data = Path(data).resolve()
        self.settings = SERVER_SETTINGS | (settings or {})
        self._home = self.data / "postgres"
        self._lock: int | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> EmbeddedPostgres:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    def url(self, user: str, database: str = DATABASE) -> str:
        """An address for asyncpg, over the socket. Users: `newsroom` (plain), `newsroom_owner` (migrates)."""
        return f"postgresql://{user}@/{database}?host={quote(str(self._run), safe='')}&port={PORT}"

    async def start(self) -> None:
        """Returns when the database answers. Raises `EmbeddedError`, also when another process is here."""
        if threading.current_thread() is not threading.main_thread():
            raise EmbeddedError("The embedded PostgreSQL must be started from the main thread.")
        self.data.mkdir(parents=True, exist_ok=True)
        self._lock = await _lock(self.data / "postgres.lock")
        try:
            await self._prepare()
            await self._serve()
            await place.furnish(self.url("postgres", "postgres"), self.url("postgres"))
        except BaseException:
            await self.stop()
            raise
        self._watch = asyncio.create_task(self._keep_alive())

    async def stop(self) -> None:
        """Ends the server (open transactions are rolled back) and frees the directory. Safe to call twice."""
        if self._watch:
            self._watch.cancel()
            self._watch = None
        if self._server:
            for step in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    self._server.send_signal(step)
                if await _wait(lambda: self._server.poll() is not None, STOP_SECONDS):
                    break
            self._server = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def erase(self) -> None:
        """Throw the database away, for good. Raises `EmbeddedError` while another process runs it."""
        self.data.mkdir(parents=True, exist_ok=True)
        lock = await _lock(self.data / "postgres.lock")
        try:
            shutil.rmtree(place.home(self.data, place.server_user(self.data)) / "cluster", ignore_errors=True)
        finally:
            os.close(lock)

    async def _prepare(self) -> None:
        self._user = place.server_user(self.data)
        self._home = place.home(self.data, self._user)
        self._cluster, self._run = self._home / "cluster", place.socket_folder(self._home, self._user)
        self._programs = place.programs(self._home, self._user)
        if not self._cluster.exists():
            await self._make_cluster()
        for left in self._run.glob(".s.PGSQL.*"):  # they name a process; its number may be another's by now
            left.unlink()
        await _clear_pid_file(self._cluster / "postmaster.pid")

    async def _make_cluster(self) -> None:
        """initdb, in a folder that gets its name when it is whole.

        Every try has a folder of its own: an initdb whose parent was killed empties its folder while it ends,
        and that must not be the one that we fill.
        """
        for left in self._home.glob("cluster.new-*"):
            shutil.rmtree(left, ignore_errors=True)
        new = self._home / f"cluster.new-{secrets.token_hex(4)}"
        place.make_folder(new, self._user)
        command = [self._programs / "initdb", "-D", new, "-U", "postgres", "-E", "UTF8", "--no-sync",
                   "--auth-local=trust", "--auth-host=reject", *place.locale(self._programs)]
        path = self._home / "initdb.log"
        with path.open("wb") as output:
            child = self._child(command, output)
        await _wait(lambda: child.poll() is not None, READY_SECONDS)
        if child.poll() != 0:
            child.kill()
            said = path.read_text(errors="replace")[-2000:]
            raise EmbeddedError(f"The database could not be made in {self._home}:\n{said}")
        new.rename(self._cluster)

    async def _serve(self) -> None:
        """Start the server until it answers; again while the remains of a killed one are still going."""
        path = self._home / "postgres.log"
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        command = [self._programs / "postgres", "-D", self._cluster, "-k", self._run]
        command += [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with path.open("ab") as output:
                before = output.tell()
                self._server = self._child(command, output)
            if await self._ready(deadline):
                return
            said = path.read_bytes()[before:].decode(errors="replace")
            passing = "lock file" in said or "shared memory block" in said
            if not passing or time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL does not start in {self._home}:\n{said[-2000:]}")
            await asyncio.sleep(0.2)
            await _clear_pid_file(self._cluster / "postmaster.pid")

    async def _ready(self, deadline: float) -> bool:
        """True when it answers, False when it ended."""
        while self._server.poll() is None:
            if await _answers(self.url("postgres", "postgres"), self._cluster):
                return True
            if time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL gave no answer in {READY_SECONDS:.0f} s; see {self._home}.")
            await asyncio.sleep(0.01)
        return False

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._server is None or self._server.poll() is None:
                continue
            log.warning("embedded PostgreSQL ended and is started again", code=self._server.returncode)
            try:
                await self._prepare()
                await self._serve()
            except (EmbeddedError, OSError) as error:
                log.error("embedded PostgreSQL does not start", reason=str(error))
                await asyncio.sleep(STOP_SECONDS)

    def _child(self, command: list[Any], output: Any) -> subprocess.Popen[bytes]:
        """Our child in a group of its own (Ctrl-C reaches us first), that ends when we do."""
        parent = os.getpid()
        rights = {"user": self._user[0], "group": self._user[1], "extra_groups": []} if self._user else {}

        def end_with_parent() -> None:
            if LIBC is not None:
                LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
                if os.getppid() != parent:
                    os._exit(1)

        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                cwd=self._home, env=environment, start_new_session=True,
                                preexec_fn=end_with_parent, **rights)


async def _lock(path: Path) -> int:
    """An open, locked file; its text is our process number. Raises `EmbeddedError` when another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def take() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    if not await _wait(take, LOCK_SECONDS):
        holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise EmbeddedError(f"Newsroom already runs on {path.parent} (process {holder}). Stop that one "
                            "first, or give this one a directory of its own with NEWSROOM_DATA.")
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


async def _clear_pid_file(path: Path) -> None:
    """End an orphan server and make its pid file harmless. Only for whoever holds the lock.

    The server refuses to start while the process named there exists, even a zombie or one that has nothing to
    do with PostgreSQL. It trusts its own parent's number, so ours goes in. The other lines stay: by those the
    server sees whether children of a killed one still use the shared memory.
    """
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return
    if not lines or not lines[0].strip().isdecimal():  # killed while it wrote its very first line
        path.unlink()
        return
    pid = int(lines[0])
    for step in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if not _is_server(pid, path.parent):
            break
        with suppress(ProcessLookupError):
            os.kill(pid, step)
        await _wait(lambda: not _is_server(pid, path.parent), STOP_SECONDS)
    if path.exists():
        path.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")


def _is_server(pid: int, cluster: Path) -> bool:
    """Whether `pid` is a living server on `cluster`; numbers are given out again, and zombies keep theirs."""
    if sys.platform == "linux":
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state not in "ZX" and Path(f"/proc/{pid}/cwd").resolve(strict=True) == cluster
        except OSError:
            return False
    command = ["ps", "-o", "state=,command=", "-p", str(pid)]
    found = subprocess.run(command, capture_output=True, text=True).stdout
    return bool(found) and not found.startswith("Z") and str(cluster) in found


async def _answers(url: str, cluster: Path) -> bool:
    """Whether the server on this very directory answers: another could be behind the same socket."""
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return False
    try:
        # is this our own data directory
        return Path(await connection.fetchval("show data_directory")) == cluster
    finally:
        await connection.close()


async def _wait(done: Callable[[], bool], seconds: float) -> bool:
    """Whether `done` became true in time."""
    deadline = time.monotonic() + seconds
    while not (answer := done()) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return answer
