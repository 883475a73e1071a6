"""The body of a request, within a limit: refused before it is read when it says that it is too large."""

from __future__ import annotations

from aiohttp import web

from newsroom.web import limits
from newsroom.web.problem import TITLES, Refusal, too_large


async def read(request: web.Request, most: int) -> bytes:
    """The whole body. Raises `HTTPRequestEntityTooLarge` above `most` bytes."""
    length = request.content_length
    if length is not None and length > most:
        raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=length)
    chunk = await request.content.readany()
    if length == len(chunk):
        return chunk
    chunks, total = [chunk], len(chunk)
    while chunk := await request.content.readany():
        chunks.append(chunk)
        total += len(chunk)
        if total > most:
            raise web.HTTPRequestEntityTooLarge(max_size=most, actual_size=total)
    return b"".join(chunks)


def check_files(raw: bytes, contents: list[str]) -> None:
    """Raise `Refusal` for more files in a JSON body than it may have; `contents` are in base64."""
    if len(contents) > limits.FILES:
        raise Refusal(413, TITLES[413], f"Send at most {limits.FILES} files.")
    packed = sum(map(len, contents))
    if sum(len(one) // 4 * 3 - one[-2:].count("=") for one in contents) > limits.FILES_BYTES:
        raise too_large("files", limits.FILES_BYTES)
    if len(raw) - packed > limits.JSON_BYTES:
        raise too_large("text", limits.JSON_BYTES)
