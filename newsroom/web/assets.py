"""Static files: read once at the start, named by what is in them, kept by browsers for a year.

All addresses carry one hash over all files (/static/<hash>/js/board.js), so that modules importing each other by a
relative path stay together: after an update no browser mixes old and new.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
PACKED = (".css", ".js", ".json", ".svg", ".txt", ".webmanifest")
FOREVER = "public, max-age=31536000, immutable"
CHECK_EACH_TIME = "no-cache"  # an address of another version: right, but not to be kept


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `packed` is its gzip, empty when that does not pay."""

    type: str
    body: bytes
    packed: bytes


class Assets:
    """Every file below `folder` whose kind is known."""

    def __init__(self, folder: Path):
        paths = sorted(path for path in folder.rglob("*") if path.suffix in TYPES and path.is_file())
        self.files = {path.relative_to(folder).as_posix(): _read(path) for path in paths}
        total = hashlib.sha256()
        for name, asset in self.files.items():
            total.update(name.encode() + b"\0" + hashlib.sha256(asset.body).digest())
        self.version = total.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The address of a file. Raises `KeyError` for one that does not exist: a template's mistake."""
        if name not in self.files:
            raise KeyError(f"static/{name} does not exist")
        return f"/static/{self.version}/{name}"

    async def serve(self, request: web.Request) -> web.Response:
        """GET /static/{version}/{name}."""
        asset = self.files.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        current = request.match_info["version"] == self.version
        headers = {"Content-Type": asset.type, "Vary": "Accept-Encoding",
                   "Cache-Control": FOREVER if current else CHECK_EACH_TIME}
        if asset.packed and "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=asset.packed if "Content-Encoding" in headers else asset.body, headers=headers)


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    packed = gzip.compress(body, 9, mtime=0) if path.suffix in PACKED else b""
    return Asset(TYPES[path.suffix], body, packed if 0 < len(packed) < len(body) else b"")
