"""The container files say what exists: no engine is needed to find a wrong command, setting or secret."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import asyncpg
import pytest
import yaml

from newsroom import embedded_place
from newsroom.__main__ import parser
from newsroom.embedded import EmbeddedPostgres
from newsroom.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("newsroom:")}
ONCE = {"migrate", "proxy-folder"}  # they end by themselves
NAME = re.compile(rf"\b{PREFIX}[A-Z_]+")


def test_the_parts_are_there():
    assert {"postgres", "redis", "migrate", "web", "work", "proxy"} <= set(SERVICES)
    assert {"migrate", "web", "work"} == set(OURS)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_closed_and_limited(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]
    assert service["mem_limit"] and service["pids_limit"]
    assert service.get("networks") or service.get("network_mode") == "none"
    assert not service["user"].startswith("0:") or name == "proxy-folder"
    assert "privileged" not in service
    if name not in ONCE:
        assert service["healthcheck"]["test"][0] == "CMD"


def test_only_the_proxy_is_reached_from_outside_and_the_database_reaches_nobody():
    assert ["proxy"] == [name for name, service in SERVICES.items() if "ports" in service]
    assert COMPOSE["networks"]["data"]["internal"] is True
    assert ["data"] == SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"]
    assert "data" not in SERVICES["proxy"]["networks"]


@pytest.mark.parametrize("name", OURS)
def test_our_commands_exist(name):
    check_command(OURS[name]["command"])


def test_our_health_checks_exist():
    check = SERVICES["work"]["healthcheck"]["test"]
    assert "newsroom" == check[1]
    check_command(check[2:])


def test_the_image_starts_a_command_that_exists():
    command = re.search(r'^CMD \["([\w-]+)"\]$', (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    check_command([command.group(1)])


def check_command(words: list[str]) -> None:
    """Our command line knows the command, and its help names every option given."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
        parser().parse_args([words[0], "--help"])
    assert 0 == ended.value.code, words
    for word in words[1:]:
        assert not word.startswith("-") or re.search(rf"(?<!\S){word}\b", said.getvalue()), word


def test_every_setting_used_exists():
    known = {PREFIX + field.name.upper() for field in fields(Settings)} | {PREFIX + "SETTINGS"}
    used = set(NAME.findall(TEXT)) | set(NAME.findall((ROOT / "Dockerfile").read_text(encoding="utf-8")))
    assert set() == used - known
    assert {PREFIX + "DATABASE_URL", PREFIX + "REDIS_URL", PREFIX + "SECRET_KEY_FILE"} <= used


def test_secrets_come_as_files_and_are_declared():
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        assert {entry["source"] for entry in service.get("configs", [])} <= set(COMPOSE["configs"]), name
        given = service.get("environment", {})
        assert [] == [key for key in given if re.search("PASSWORD|SECRET|KEY|TOKEN", key) and "FILE" not in key], name
        for value in given.values():
            if value.startswith("/run/secrets/"):
                assert value.removeprefix("/run/secrets/") in service["secrets"], name
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_everything_the_image_copies_exists_and_is_sent_to_the_engine():
    sent = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (ROOT / source).exists(), line
                assert source in sent, line


async def test_the_roles_script_makes_the_same_database_as_the_embedded_one(data):
    """Runs what the container runs, with psql, against a server that has none of it yet."""
    programs = embedded_place.programs(data, None)
    if not (programs / "psql").exists():
        pytest.fail("psql is missing beside the server")
    async with EmbeddedPostgres(data / "one") as server:
        expected = await catalogue(server)
    async with EmbeddedPostgres(data / "two") as server:
        await undo(server)
        (data / "owner").write_text("one's\n")
        (data / "plain").write_text("two\n")
        script = COMPOSE["configs"]["roles"]["content"].replace("$$", "$").replace("/run/secrets", str(data))
        socket = str((data / "two" / "postgres" / "run").resolve())
        environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PGHOST": socket}
        done = subprocess.run(["bash", "-e", "-c", script], env=environment, capture_output=True, text=True)
        assert 0 == done.returncode, done.stderr
        assert expected == await catalogue(server)


async def undo(server: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(server.url("postgres", "postgres"))
    for statement in ("drop database newsroom", "drop role newsroom", "drop role newsroom_owner"):
        await connection.execute(statement)
    await connection.close()


async def catalogue(server: EmbeddedPostgres) -> list[str]:
    """Roles, rights and extensions, as text."""
    connection = await asyncpg.connect(server.url("postgres"))
    rows = await connection.fetch("""
        select concat_ws(' ', rolname, rolsuper, rolcanlogin, rolbypassrls, rolcreatedb, rolcreaterole, rolconfig)
          from pg_roles where rolname like 'newsroom%'
        union all select extname from pg_extension
        union all select concat_ws(' ', defaclrole::regrole, defaclobjtype, defaclacl) from pg_default_acl
        union all select concat_ws(' ', nspname, nspacl) from pg_namespace where nspname = 'public'
        union all select concat_ws(' ', datname, datdba::regrole, datcollate, datlocale) from pg_database
                   where datname = 'newsroom'
        order by 1""")
    await connection.close()
    return [row[0] for row in rows]
