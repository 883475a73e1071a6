"""The API as its own document describes it, asked by schemathesis in every way that it can think of."""

from __future__ import annotations

import asyncio
import sys

import pytest

from newsroom.web import api
from tests.web.site import site
from tests.web.test_api import READS, make, town  # noqa: F401 - a fixture

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance," \
         "response_schema_conformance,negative_data_rejection,unsupported_method,ignored_auth"


@pytest.mark.parametrize("cases", [12, pytest.param(60, marks=pytest.mark.slow)])
async def test_every_operation_does_what_the_document_says(db, town, cases, tmp_path):  # noqa: F811
    """12 operations: the short run asks about 300 times, the long one five times as often. 0 answers of 500 or more."""
    _, tokens, _, _ = town
    async with site(db, api.routes) as client:
        for who in ("jeugd", "deliver"):
            done = await run(f"http://{client.host}:{client.port}", tokens[who], cases, tmp_path,
                             "leveringen" if who == "deliver" else "^/(gesprekken|contacten|kanalen|gebeurtenissen)"
                             "(?!.*leveringen)")
            assert 0 == done[0], done[1]
    async with db.connection() as connection:
        assert 5 <= await connection.fetchval("select count(*) from delivery")


async def run(origin: str, token: str, cases: int, folder, paths: str) -> tuple[int, str]:
    """The exit code and the words of a run over the paths that match."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "schemathesis.cli", "run", f"{origin}/api/v1/openapi.json", "--url", f"{origin}/api/v1",
        "-H", f"Authorization: {token}", "--include-path-regex", paths, "--checks", CHECKS,
        "--max-examples", str(cases), "--seed", "1", "--generation-database", "none", "--no-color",
        "--suppress-health-check", "all",
        "--phases", "examples,coverage,fuzzing", cwd=folder, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT)
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()
