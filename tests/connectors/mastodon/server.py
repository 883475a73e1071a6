"""A Mastodon server on loopback and the people on it."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from connectors import Secret
from connectors.mastodon import Settings
from tests import parts

START_SECONDS = 60.0
_numbers = itertools.count(1)


class Person:
    """Somebody with an account: what they do, they do over the API."""

    def __init__(self, server: MastodonServer, name: str, token: str):
        self.server, self.name, self.token = server, name, token
        self.handle = f"{name}@localhost:{server.port}"  # as this server calls itself

    async def post(self, text: str, **more: Any) -> dict[str, Any]:
        return await self.server.ask("POST", "/api/v1/statuses", self.token, json={"status": text, **more})

    async def edit(self, id: str, text: str) -> dict[str, Any]:
        return await self.server.ask("PUT", f"/api/v1/statuses/{id}", self.token, json={"status": text})

    async def delete(self, id: str) -> None:
        await self.server.ask("DELETE", f"/api/v1/statuses/{id}", self.token)

    async def upload(self, content: bytes, name: str, type: str, description: str = "") -> str:
        form = aiohttp.FormData({"description": description})
        form.add_field("file", content, filename=name, content_type=type)
        return (await self.server.ask("POST", "/api/v2/media", self.token, data=form))["id"]

    async def posts(self) -> list[dict[str, Any]]:
        me = await self.server.ask("GET", "/api/v1/accounts/verify_credentials", self.token)
        return await self.server.ask("GET", f"/api/v1/accounts/{me['id']}/statuses", self.token)

    async def block(self) -> None:
        """The token counts no longer; `well` undoes it."""
        await self.server.fail("/api/v1/accounts/*", 401)
        await self.server.fail("/api/v1/notifications*", 401)

    def settings(self, port: int = 0, **more: Any) -> Settings:
        return Settings(server=f"http://127.0.0.1:{port or self.server.port}", token=Secret(self.token), **more)


class MastodonServer:
    """Runs until stopped; `kill` and `start` again keep nothing but the port. Its posts live in a file."""

    def __init__(self, **configuration: str):
        self._folder = tempfile.TemporaryDirectory(prefix="mastodon-")
        self._configuration = "\n".join(f"{name} = {value}" for name, value in configuration.items())
        self._process: asyncio.subprocess.Process | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    async def start(self) -> None:
        program = parts.program("mastodon")
        assert program
        folder = Path(self._folder.name)
        (folder / "c.toml").write_text(self._configuration + f"""
media_storage_path = "{folder}/media"
[database]
path = "{folder}/posts.sqlite"
[streaming]
heartbeat_seconds = 0.2
""")
        self._process = await asyncio.create_subprocess_exec(
            program, "serve", "--config", str(folder / "c.toml"), "--port", str(self.port), "--log-level", "warning",
            stdout=(folder / "log").open("ab"), stderr=asyncio.subprocess.STDOUT, start_new_session=True)
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    await self.ask("GET", "/api/v1/streaming/health", text=True)
                    return
                except (aiohttp.ClientError, OSError):
                    assert self._process.returncode is None, (folder / "log").read_text()
                    await asyncio.sleep(0.1)

    async def kill(self) -> None:
        if self._process and self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    async def stop(self) -> None:
        await self.kill()
        self._folder.cleanup()

    async def person(self, name: str, scopes: str = "read write:statuses write:media") -> Person:
        """Somebody with a name that no other test uses, and a token with these rights."""
        name = f"{name}{next(_numbers)}"
        await self.ask("POST", "/api/v1/_mock/dev_user", json={"username": name, "display_name": name.title()})
        app = await self.ask("POST", "/api/v1/apps", json={"client_name": "Newsroom", "scopes": scopes})
        told = await self.ask("POST", "/oauth/token", json={
            "grant_type": "authorization_code", "code": f"mockcode_{name}", "client_id": app["client_id"]})
        return Person(self, name, told["access_token"])

    async def fail(self, path: str, status: int, count: int | None = None, methods: tuple[str, ...] = (),
                   **headers: str) -> None:
        """Answer so at `path` (with *), so often."""
        await self.ask("POST", "/api/v1/_mock/faults", json={
            "match": {"path": path, **({"methods": methods} if methods else {})}, "count": count,
            "effect": {"type": "status", "status": status,
                       "headers": {name.replace("_", "-"): value for name, value in headers.items()}}})

    async def well(self) -> None:
        """No more faults."""
        await self.ask("DELETE", "/api/v1/_mock/faults")

    async def ask(self, method: str, path: str, token: str = "", text: bool = False, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with aiohttp.ClientSession() as client, client.request(
                method, f"http://127.0.0.1:{self.port}{path}", headers=headers, **more) as answer:
            answer.raise_for_status()
            return await answer.text() if text else await answer.json()
