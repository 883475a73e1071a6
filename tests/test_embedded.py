"""The embedded PostgreSQL starts, restarts and mends itself after any kill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from newsroom import embedded_place as place
from newsroom.embedded import EmbeddedPostgres
from newsroom.embedded_place import EmbeddedError

# starts a server on the directory in argv, writes one row, says so, and waits to be killed
HOLDER = """
import asyncio, sys
from pathlib import Path
import asyncpg
from newsroom.embedded import EmbeddedPostgres

async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]))
    await server.start()
    connection = await asyncpg.connect(server.url("newsroom_owner"))
    await connection.execute("create table if not exists kept (at timestamptz)")
    await connection.execute("insert into kept (at) values (now())")
    print("ready", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_first_start_makes_database_roles_and_extensions(data):
    async with EmbeddedPostgres(data) as server:
        plain = await asyncpg.connect(server.url("newsroom"))
        rights = await plain.fetchrow("select rolsuper, rolbypassrls, rolcreatedb from pg_roles"
                                      " where rolname = current_user")
        assert (False, False, False) == tuple(rights)
        extensions = {row["extname"] for row in await plain.fetch("select extname from pg_extension")}
        assert {"pg_trgm", "unaccent", "btree_gin"} <= extensions
        assert "één" == await plain.fetchval("select lower('ÉÉN')")
        assert "10s" == await plain.fetchval("show lock_timeout")
        assert "10s" == await plain.fetchval("show idle_in_transaction_session_timeout")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await plain.execute("create table forbidden ()")
        await plain.close()


async def test_plain_role_uses_the_tables_that_the_owner_makes(data):
    async with EmbeddedPostgres(data) as server:
        owner = await asyncpg.connect(server.url("newsroom_owner"))
        await owner.execute("create table thing (id bigserial primary key, name text)")
        await owner.close()
        plain = await asyncpg.connect(server.url("newsroom"))
        assert 1 == await plain.fetchval("insert into thing (name) values ('a') returning id")
        assert "UPDATE 1" == await plain.execute("update thing set name = 'b'")
        assert "DELETE 1" == await plain.execute("delete from thing")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await plain.execute("drop table thing")
        await plain.close()


async def test_second_start_keeps_the_data_and_takes_under_three_seconds(data):
    async with EmbeddedPostgres(data) as server:
        await add_row(server)
    began = time.monotonic()
    async with EmbeddedPostgres(data) as server:
        took = time.monotonic() - began
        assert 1 == await rows(server)
    assert took < 3, took


async def test_the_database_is_in_the_data_directory_itself(data):
    async with EmbeddedPostgres(data):
        assert data / "postgres" == (data / "postgres").resolve()


async def test_nothing_listens_on_a_network_and_the_socket_folder_is_closed(data):
    async with EmbeddedPostgres(data) as server:
        connection = await asyncpg.connect(server.url("postgres"))
        assert "" == await connection.fetchval("show listen_addresses")
        folder = Path(await connection.fetchval("show unix_socket_directories"))
        await connection.close()
        assert 0o700 == folder.stat().st_mode & 0o777


async def test_killed_server_is_started_again_while_we_run(data):
    async with EmbeddedPostgres(data) as server:
        await add_row(server)
        old = server_pid(data)
        os.kill(old, signal.SIGKILL)
        await until(lambda: server_pid(data) not in (old, os.getpid(), None))
        assert 1 == await until_answer(lambda: rows(server))


async def test_server_dies_with_its_parent_and_the_next_start_mends(data):
    with holder(data) as process:
        server = server_pid(data)
        process.kill()
        process.wait()
        await until(lambda: not running(server))
    async with EmbeddedPostgres(data) as server:
        assert 1 == await rows(server)


@pytest.mark.slow
async def test_parent_and_server_killed_at_once_and_started_at_once(data):
    for _ in range(3):
        with holder(data) as process:
            os.kill(server_pid(data), signal.SIGKILL)
            process.kill()
    async with EmbeddedPostgres(data) as server:
        assert 3 == await rows(server)


@pytest.mark.parametrize("text", ["1\n", "", "nonsense\n"])
async def test_stale_pid_file_does_not_stop_a_start(data, text):
    async with EmbeddedPostgres(data) as server:
        await add_row(server)
    path = cluster(data) / "postmaster.pid"
    path.write_text(text + (f"{cluster(data)}\n0\n5432\n" if text else ""))
    (data / "postgres" / "run" / ".s.PGSQL.5432.lock").write_text("1\n")
    async with EmbeddedPostgres(data) as server:
        assert 1 == await rows(server)


async def test_half_made_database_is_made_again(data):
    half = data / "postgres" / "cluster.new-0"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    if os.geteuid() == 0:
        (data / "postgres").chmod(0o711)
    async with EmbeddedPostgres(data) as server:
        await add_row(server)
    assert not half.exists()


@pytest.mark.slow
async def test_an_initdb_that_still_cleans_up_does_not_touch_the_next_try(data):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(data)], stdout=subprocess.DEVNULL)
    await until(lambda: filled(data))
    initdb = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    os.kill(initdb, signal.SIGSTOP)  # it empties its folder when it goes on: its parent is gone by then
    process.kill()
    process.wait()
    before = filled(data)
    server = EmbeddedPostgres(data)
    start = asyncio.create_task(server.start())
    await until(lambda: filled(data) - before or start.done())
    os.kill(initdb, signal.SIGCONT)
    await start
    await add_row(server)
    await server.stop()


def filled(data: Path) -> set[tuple[str, int]]:
    """The databases that are being made: where, and which folder that is."""
    found = (data / "postgres").glob("cluster.new*/global")
    return {(path.parent.name, path.parent.stat().st_ino) for path in found}


@pytest.mark.slow
async def test_killed_during_the_first_start_at_any_moment(data):
    for milliseconds in (50, 200, 400, 600, 800):
        process = subprocess.Popen([sys.executable, "-c", HOLDER, str(data)], stdout=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(milliseconds / 1000)
        process.kill()
        process.wait()
    async with EmbeddedPostgres(data) as server:
        await add_row(server)


async def test_second_process_gets_a_clear_error(data):
    async with EmbeddedPostgres(data):
        with pytest.raises(EmbeddedError, match=rf"already runs on {data} \(process {os.getpid()}\)"):
            await EmbeddedPostgres(data).start()
        done = subprocess.run([sys.executable, "-c", HOLDER, str(data)], capture_output=True, text=True)
        assert 1 == done.returncode
        assert f"already runs on {data} (process {os.getpid()})" in done.stderr
        done = subprocess.run([sys.executable, "-m", "newsroom", "user", "list"], capture_output=True, text=True,
                              env={**os.environ, "NEWSROOM_DATA": str(data)})
        assert (1, 1) == (done.returncode, done.stderr.count("\n")), done.stderr
        assert f"already runs on {data} (process {os.getpid()}). Stop that one" in done.stderr


async def test_must_start_from_the_main_thread(data):
    def start() -> None:
        asyncio.run(EmbeddedPostgres(data).start())

    with pytest.raises(EmbeddedError, match="main thread"):
        await asyncio.to_thread(start)


async def test_long_data_path_gets_a_short_socket(data):
    deep = data / ("a" * 60) / ("b" * 60)
    async with EmbeddedPostgres(deep) as server:
        await add_row(server)
        folder = (deep / "postgres" / "run").resolve()
    async with EmbeddedPostgres(deep) as server:
        assert folder == (deep / "postgres" / "run").resolve()
        assert 1 == await rows(server)
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()


def test_no_programs_is_a_clear_error(data, monkeypatch):
    monkeypatch.setattr(place, "_candidates", lambda: iter([data / "nowhere"]))
    with pytest.raises(EmbeddedError, match="NEWSROOM_DATABASE_URL"):
        place.programs(data, None)


def test_programs_that_the_server_user_cannot_reach_are_copied(data):
    found = place.programs(data, None)
    copied = place._copy(found, data)
    assert version(found) == version(copied)
    assert copied == place._copy(found, data)
    assert 0o755 == (copied / "initdb").stat().st_mode & 0o777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
async def test_root_with_a_closed_directory_changes_nothing_above_it(data, monkeypatch):
    closed, homes = data / "closed", data / "homes"
    closed.mkdir(mode=0o700)
    homes.mkdir(mode=0o755)
    monkeypatch.setattr(place, "ROOT_HOMES", homes)
    for expected in (1, 2):
        async with EmbeddedPostgres(closed / "data") as server:
            await add_row(server)
            assert expected == await rows(server)
    assert 0o700 == closed.stat().st_mode & 0o777
    assert (closed / "data" / "postgres").resolve().parent == homes


def version(programs: Path) -> str:
    done = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    return done.stdout


class holder:
    """A process that holds a server on `data`, has written one row, and is gone afterwards."""

    def __init__(self, data: Path):
        command = [sys.executable, "-c", HOLDER, str(data)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> subprocess.Popen:
        assert "ready\n" == self.process.stdout.readline()
        return self.process

    def __exit__(self, *exception) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


async def add_row(server: EmbeddedPostgres) -> None:
    owner = await asyncpg.connect(server.url("newsroom_owner"))
    await owner.execute("create table if not exists kept (at timestamptz)")
    await owner.execute("insert into kept (at) values (now())")
    await owner.close()


async def rows(server: EmbeddedPostgres) -> int:
    connection = await asyncpg.connect(server.url("newsroom"))
    try:
        return await connection.fetchval("select count(*) from kept")
    finally:
        await connection.close()


async def until(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.02)


async def until_answer(question, seconds: float = 20.0):
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await question()
        except (OSError, asyncpg.PostgresError):
            assert time.monotonic() < deadline, "no answer in time"
            await asyncio.sleep(0.02)


def cluster(data: Path) -> Path:
    return data / "postgres" / "cluster"


def server_pid(data: Path) -> int | None:
    try:
        return int((cluster(data) / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError):
        return None


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
