"""What came with a message, as it came: its markup in a frame without scripts, its files and its original."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

import nh3
from aiohttp import web

from newsroom import conversation, delivery, message
from newsroom.database import Connection, Database
from newsroom.incoming import UNSEEN
from newsroom.message import PIECE, File, Message
from newsroom.web.conversation import REFERENCE
from newsroom.web.keys import RENDER, SCOPE
from newsroom.web.render import language_of
from newsroom.web.routes import Routes
from newsroom.web.security import MAIL_BODY
from newsroom.web.visitor import seen

# shown in a mail's frame; every other kind is only ever downloaded
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp")
TAGS = nh3.ALLOWED_TAGS | {"center", "font"}
ATTRIBUTES = {**nh3.ALLOWED_ATTRIBUTES, "*": {"align", "bgcolor", "color", "dir", "height", "lang", "style", "title",
                                              "valign", "width"},
              "font": {"color", "face", "size"}, "table": {"border", "cellpadding", "cellspacing"},
              "img": {"alt", "src"}}
STYLES = {"background-color", "border", "border-bottom", "border-collapse", "border-left", "border-right",
          "border-top", "color", "direction", "font-family", "font-size", "font-style", "font-weight", "height",
          "line-height", "margin", "margin-bottom", "margin-left", "margin-right", "margin-top", "max-width",
          "padding", "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align",
          "text-decoration", "text-indent", "vertical-align", "white-space", "width"}
REMOTE = re.compile(r"""\ssrc\s*=\s*["']?https?:""", re.IGNORECASE)
LINK = re.compile(r"\s*(https?://|mailto:|tel:)", re.IGNORECASE)  # what a link may lead to; a path would lead to us
SAFE_NAME = re.compile(r"[^\w .()-]")
WITH_PICTURES: Mapping[str, str] = {**MAIL_BODY, "img-src": "'self' data: https:"}


def routes(add: Routes) -> None:
    one = f"/gesprek/{REFERENCE}"
    number = r"{message:\d{1,18}}"
    add.page("GET", f"{one}/opmaak/{number}", body, "read", name="mail_body", csp=MAIL_BODY)
    add.page("GET", f"{one}/opmaak/{number}/met-plaatjes", body_with_pictures, "read", name="mail_body_pictures",
             csp=WITH_PICTURES)
    add.page("GET", f"{one}/opmaak/{number}/deel/{{content_id:.+}}", part, "read", name="mail_part")
    add.page("GET", one + r"/bijlage/{file:\d{1,18}}", attachment, "read", name="attachment")
    add.page("GET", f"{one}/origineel/{number}", original, "read", name="original")


async def body(request: web.Request) -> web.Response:
    """The markup of a message, cleaned. Images from elsewhere stay off: they would tell the sender who reads."""
    return await _body(request, False)


async def body_with_pictures(request: web.Request) -> web.Response:
    """The same, with images from elsewhere, for who asked."""
    return await _body(request, True)


async def _body(request: web.Request, pictures: bool) -> web.Response:
    async with seen(request).connection() as connection:
        found = await _message(connection, request)
    base = str(request.app.router["mail_body"].url_for(**request.match_info))
    text = request.app[RENDER].text("conversation/mail_body.html", language_of(request), pictures=pictures,
                                    remote=bool(REMOTE.search(found.html)), with_pictures=base + "/met-plaatjes",
                                    body=Cleaned(clean(found.html, base + "/deel/", pictures)))
    return web.Response(text=text, content_type="text/html", charset="utf-8")


class Cleaned(str):
    """Markup that `clean` made: the one kind of text that a template does not escape."""

    def __html__(self) -> str:
        return str(self)


def clean(markup: str, parts: str, pictures: bool) -> str:
    """Markup without anything active. Images of the mail itself come from below `parts`; others only with
    `pictures`."""
    def attribute(tag: str, name: str, value: str) -> str | None:
        if name == "href":
            return value if LINK.match(value) else None
        if tag != "img" or name != "src":
            return value
        if value.lower().startswith("cid:"):
            return parts + quote(value[4:].strip("<>"), safe="")
        if value.startswith("data:image/") or (pictures and value.startswith("https://")):
            return value
        return None

    return nh3.clean(markup, tags=TAGS, attributes=ATTRIBUTES, attribute_filter=attribute,
                     url_schemes={"http", "https", "mailto", "tel", "cid", "data"}, filter_style_properties=STYLES,
                     link_rel="noreferrer noopener", set_tag_attribute_values={"a": {"target": "_blank"}})


async def part(request: web.Request) -> web.StreamResponse:
    """An image inside a mail."""
    async with seen(request).connection() as connection:
        found = await _message(connection, request)
        files = (await message.files(connection, [found.id])).get(found.id, [])
    wanted = request.match_info["content_id"]
    file = next((one for one in files if one.content_id.strip("<>") == wanted and one.type in PICTURES), None)
    if file is None:
        raise web.HTTPNotFound
    return await stream(request, seen(request), file, {"Content-Type": file.type, "Content-Disposition": "inline"})


async def attachment(request: web.Request) -> web.StreamResponse:
    """A file, to keep: never shown, for it may hold anything."""
    async with seen(request).connection() as connection:
        row = await conversation.find(connection, request.match_info["reference"], request[SCOPE])
        file = await message.file(connection, int(request.match_info["file"]))
        owner = (await message.get(connection, [file.message_id])).get(file.message_id) if file else None
    if file is None or owner is None or owner.conversation_id != row.id:
        raise web.HTTPNotFound
    return await stream(request, seen(request), file)


async def original(request: web.Request) -> web.StreamResponse:
    """The raw delivery behind a message, byte for byte."""
    async with seen(request).connection() as connection:
        found = await _message(connection, request)
        if found.delivery_id is None or found.removed_at is not None:
            raise web.HTTPNotFound
        start = await delivery.original(connection, found.delivery_id, 0, PIECE)
    if not start:  # removed with another message of the same delivery
        raise web.HTTPNotFound
    ending = "json" if start[:1] in (b"{", b"[") else "eml"
    name = f"{request.match_info['reference']}-{found.id}.{ending}"

    async def pieces() -> AsyncIterator[bytes]:
        piece, at = start, 0
        while piece:
            yield piece
            at += len(piece)
            async with seen(request).connection() as connection:
                piece = await delivery.original(connection, found.delivery_id, at, PIECE)

    return await _send(request, pieces(), _download(name))


async def _message(connection: Connection, request: web.Request) -> Message:
    """The message in the address, when it is of that conversation. Raises `NotFound` or `HTTPNotFound`."""
    row = await conversation.find(connection, request.match_info["reference"], request[SCOPE])
    id = int(request.match_info["message"])
    found = (await message.get(connection, [id])).get(id)
    if found is None or found.conversation_id != row.id:
        raise web.HTTPNotFound
    return found


async def stream(request: web.Request, database: Database, file: File,
                 headers: Mapping[str, str] | None = None) -> web.StreamResponse:
    """A file in pieces from `database`; without `headers` one that a browser keeps and never shows."""
    headers = headers or _download(file.name or "bijlage")

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, file.size, PIECE):
            async with database.connection() as connection:
                yield await message.piece(connection, file.sha256, start)

    return await _send(request, pieces(), {**headers, "Content-Length": str(file.size)})


async def _send(request: web.Request, pieces: AsyncIterator[bytes],
                headers: Mapping[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={**headers, "X-Content-Type-Options": "nosniff",
                                           "Content-Security-Policy": "default-src 'none'; sandbox"})
    await response.prepare(request)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


def _download(name: str) -> dict[str, str]:
    """Headers that make a browser keep a file. Its name as the sender gave it, in the safe form of RFC 6266."""
    seen = UNSEEN.sub("", name.encode("utf-8", "replace").decode())
    short = seen.replace("/", "_").replace("\\", "_").lstrip(".")[:150] or "bijlage"
    plain = SAFE_NAME.sub("_", short.encode("ascii", "replace").decode())
    return {"Content-Type": "application/octet-stream",
            "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(short, safe='')}"}
