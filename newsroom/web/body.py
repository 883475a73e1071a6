"""The body of a request, within a limit: refused before it is read when it says that it is too large."""

from __future__ import annotations

from aiohttp import web


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
