"""The live chat for residents: a panel in a frame of ours on any site. No session and no cookies: the panel keeps a
token, and what it sends carries that.

A line is answered after its delivery is committed. The panel keeps it until then and sends it again under the same id.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from connectors import Delivery, clean
from connectors.chat import CONTENT_TYPE, LEFT, LINE_CHARACTERS, Identity, NotIdentified, body, key
from connectors.web_form.values import email_address
from newsroom import chat, delivery, language, limit, theme, transcript
from newsroom.chat import Visit
from newsroom.language import text
from newsroom.theme import Theme
from newsroom.web import limits, reply_form
from newsroom.web.errors import RETRY_SECONDS, has_left, is_database_gone
from newsroom.web.file_kind import kind_of
from newsroom.web.keys import ATTENDANCE, BELL, DATABASE, FEED, RENDER, SETTINGS, WRITER, log, now
from newsroom.web.mail_body import stream
from newsroom.web.public import upload
from newsroom.web.public.chat_place import Place, Places, standing, week
from newsroom.web.public.pages import address, language_of, scheme
from newsroom.web.public.upload import Upload
from newsroom.web.public.visit import place_of
from newsroom.web.routes import Routes
from newsroom.web.security import PUBLIC, policy

PATH = r"/chat/{channel:\d{1,9}}"
LINE = re.compile(r"[0-9a-f]{16,40}")
ENDED = 4401  # closes the socket of a chat that is over
SCRIPT_SECONDS = 300  # how old the script on other sites may be
BUTTON = theme.light(Theme())  # the colours that stand in the script as it is in our tree
WORDS = ("chat.", "answer.email")  # of the catalogue, that the panel itself says
PANEL = {**PUBLIC, "img-src": "'self' data: blob:"}


class Refusal(Exception):
    """An answer that tells the visitor what to do. `key` is what the panel knows it by, `wait` seconds."""

    def __init__(self, status: int, key: str, words: str, wait: int = 0, **values: Any):
        super().__init__(key)
        self.status, self.key, self.words, self.wait, self.values = status, key, words, wait, values


Handler = Callable[["PublicChat", web.Request, Place], Awaitable[web.StreamResponse]]


def routes(add: Routes) -> None:
    chats = PublicChat()
    add.page("GET", "/chat.js", chats.script, "public", name="chat_script")
    add.page("GET", PATH, chats.show, "public", name="public_chat", csp=PANEL)
    add.page("GET", PATH + "/stand", chats.run(PublicChat.stand), "public")
    add.page("POST", PATH + "/begin", chats.run(PublicChat.begin), "public")
    add.page("POST", PATH + "/regel", chats.run(PublicChat.line), "public", most_bytes=limits.CHAT_BODY_BYTES)
    add.page("POST", PATH + "/bericht", chats.run(PublicChat.leave), "public", most_bytes=limits.CHAT_BODY_BYTES)
    add.page("POST", PATH + "/wie", chats.run(PublicChat.introduce), "public")
    add.page("POST", PATH + "/afschrift", chats.run(PublicChat.transcript), "public")
    add.page("POST", PATH + "/einde", chats.run(PublicChat.end), "public")
    add.page("GET", PATH + r"/bestand/{file:\d{1,18}}", chats.run(PublicChat.file), "public")


class PublicChat:
    """The handlers. What a chat says of itself is remembered for a moment."""

    def __init__(self) -> None:
        self.places = Places()
        self._script: tuple[float, bytes, bytes] | None = None

    async def script(self, request: web.Request) -> web.Response:
        """The one script of a site: it makes the button in the house's colours, and our frame when that is pressed."""
        if self._script is None or monotonic() - self._script[0] > SCRIPT_SECONDS:
            async with request.app[DATABASE].connection() as connection:
                colours = theme.light(await theme.load(connection))
            plain = request.app[RENDER].assets.files["js/chat.js"].body
            made = plain.replace(BUTTON.action.encode(), colours.action.encode()) \
                .replace(BUTTON.action_ink.encode(), colours.action_ink.encode())
            self._script = monotonic(), made, gzip.compress(made, 9, mtime=0)
        headers = {"Content-Type": "text/javascript; charset=utf-8", "Vary": "Accept-Encoding",
                   "Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": f"public, max-age={SCRIPT_SECONDS}"}
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        return web.Response(body=self._script[2 if packed else 1],
                            headers=headers | ({"Content-Encoding": "gzip"} if packed else {}))

    def run(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """A handler whose refusals are JSON in the visitor's language."""
        async def run(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(self, request, await self.places.find(request))
            except Refusal as error:
                found = error
            except web.HTTPRequestEntityTooLarge:
                found = Refusal(413, "too_large", "answer.files_too_large", name="",
                                most=limits.FORM_FILES_BYTES // 1_000_000)
            except Exception as error:
                if has_left(request, error) or not is_database_gone(error):
                    raise
                log.error("database unreachable", error=type(error).__name__)
                found = Refusal(503, "away", "chat.away", RETRY_SECONDS)
            headers = {"Retry-After": str(found.wait)} if found.wait else {}
            told = text(language_of(request), found.words, **found.values)
            return web.json_response({"error": told, "key": found.key, "wait": found.wait}, status=found.status,
                                     headers=headers)
        return run

    async def show(self, request: web.Request) -> web.Response:
        """The panel."""
        place, speech = await self.places.find(request), language_of(request)
        state = standing(place, now(request), speech)
        words = {name: value for name, value in language.catalogue(speech).items() if name.startswith(WORDS)}
        html = request.app[RENDER].text(
            "public/chat.html", speech, place=place, state=state, words=words, scheme=scheme(request),
            week=() if place.opening.plan else week(place.hours, now(request), speech), most=LINE_CHARACTERS,
            other=address(request, taal="nl" if speech == "en" else "en"),
            other_language="nl" if speech == "en" else "en", base=str(URL(request.path)))
        ancestors = ("'self'", *request.app[SETTINGS].frame_ancestors, *place.settings.allowed_origins)
        csp = policy(request.app[SETTINGS], {**PANEL, "frame-ancestors": " ".join(ancestors)})
        return web.Response(text=html, content_type="text/html", charset="utf-8",
                            headers={"Content-Security-Policy": csp, "Cross-Origin-Resource-Policy": "cross-origin",
                                     "Content-Language": speech})

    async def stand(self, request: web.Request, place: Place) -> web.Response:
        """Whether it is open, and the wait."""
        return web.json_response(standing(place, now(request), language_of(request)))

    async def begin(self, request: web.Request, place: Place) -> web.Response:
        """A new visit. Its token is told here, once."""
        if not place.open:
            raise Refusal(409, "closed", "chat.closed_now")
        given = await _json(request)
        await _limit(request, f"chat begin:{place_of(request)}", limits.CHAT_BEGINS, "chat.busy")
        identity, at = self._identity(request, place, str(given.get("identity") or "")), now(request)
        async with request.app[DATABASE].transaction() as connection:
            visit, token = await chat.begin(connection, place.row.id, at, language_of(request),
                                            _page(given.get("page")), _name(given.get("name")),
                                            _email(given.get("email")), identity)
        return web.json_response({"token": token, "called": visit.called, "verified": identity is not None})

    async def line(self, request: web.Request, place: Place) -> web.Response:
        """One line with its files: answered when it is kept."""
        visit = await self._visit(request, place)
        sent = await _posted(request)
        made = Delivery(key(visit.address, sent.line), body(visit.address, sent.line, sent.words, sent.files),
                        now(request), CONTENT_TYPE, _about(visit.called, visit.mail, visit.language, visit.page))
        async with request.app[DATABASE].connection() as connection:
            wait = await limit.take(connection, f"chat:{visit.address}", limits.CHAT_LINES, made.received_at)
            # one that is here already is only told so again
            if wait and await delivery.known(connection, place.row.id, made.key) is None:
                raise Refusal(429, "slow", "chat.slow", wait, n=wait)
        await _put(request, place, made)
        request.app[ATTENDANCE].tell(visit.address, "still")
        if visit.away_at is not None:
            await self._back(request, visit)
        return web.json_response({"line": sent.line, "at": made.received_at.timestamp()})

    async def leave(self, request: web.Request, place: Place) -> web.Response:
        """A message for when nobody is there: answered by mail."""
        if not place.takes:
            raise Refusal(409, "closed", "chat.not_now")
        sent = await _posted(request)
        email = _email(sent.given.get("email"))
        if not email:
            raise Refusal(422, "email", "answer.email")
        about = _about(_name(sent.given.get("name")), email, language_of(request), _page(sent.given.get("page")))
        visit = f"left-{sent.line}"
        made = Delivery(key(visit, sent.line), body(visit, sent.line, sent.words, sent.files), now(request),
                        CONTENT_TYPE, {**about, "source": LEFT})
        async with request.app[DATABASE].connection() as connection:
            known = await delivery.known(connection, place.row.id, made.key)
        if known is None:
            await _limit(request, f"form:{place_of(request)}", limits.FORM_SENDS, "chat.busy")
        return web.json_response({"reference": (await _put(request, place, made)).reference})

    async def introduce(self, request: web.Request, place: Place) -> web.Response:
        """The visitor's name, and where an answer may go."""
        visit, given = await self._visit(request, place), await _json(request)
        typed = str(given.get("email") or "").strip()
        if typed and not _email(typed):
            raise Refusal(422, "email", "answer.email")
        await _limit(request, f"chat who:{visit.address}", limits.CHAT_LINES, "chat.busy")
        async with request.app[DATABASE].transaction() as connection:
            await chat.introduce(connection, visit, _name(given.get("name")), _email(typed), now(request))
        request.app[BELL]()
        return web.json_response({"ok": True})

    async def transcript(self, request: web.Request, place: Place) -> web.Response:
        """Mail the chat to its visitor."""
        visit, given = await self._visit(request, place), await _json(request)
        email = _email(given.get("email"))
        if not email:
            raise Refusal(422, "email", "answer.email")
        via = await reply_form.over(request, place.mailbox) if place.mailbox else None
        if via is None or not via.can.sends or via.mode != "live":
            raise Refusal(409, "no_mail", "chat.transcript.no_mail")
        await _limit(request, f"chat mail:{visit.address}", limits.CHAT_MAILS, "chat.busy")
        await _limit(request, f"chat mail:{place_of(request)}", limits.CHAT_MAILS_HERE, "chat.busy")
        name = f"transcript:{visit.id}:{str(given.get('key') or '')[:40]}"
        try:
            async with request.app[DATABASE].transaction() as connection:
                await transcript.ask(connection, visit, email, via, now(request), name, language_of(request))
        except transcript.NothingYet as error:
            async with request.app[DATABASE].connection() as connection:
                await limit.give_back(connection, f"chat mail:{visit.address}", limits.CHAT_MAILS, now(request))
            raise Refusal(409, "nothing_yet", "chat.transcript.nothing_yet") from error
        request.app[BELL]()
        return web.json_response({"ok": True})

    async def end(self, request: web.Request, place: Place) -> web.Response:
        """The visitor closes the chat: the token is worth nothing from here on."""
        visit = await self._visit(request, place)
        async with request.app[DATABASE].transaction() as connection:
            await chat.end(connection, visit, now(request))
        request.app[BELL]()
        for guest in list(request.app[FEED].guests.get(visit.address, ())):
            guest.socket.close(ENDED)
        return web.json_response({"ok": True})

    async def file(self, request: web.Request, place: Place) -> web.StreamResponse:
        """A file of the chat: to keep, never shown, for it may hold anything."""
        visit = await self._visit(request, place)
        async with request.app[DATABASE].connection() as connection:
            found = await chat.file(connection, visit.address, int(request.match_info["file"]))
        if found is None:
            raise web.HTTPNotFound
        return await stream(request, request.app[DATABASE], found)

    async def _visit(self, request: web.Request, place: Place) -> Visit:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        async with request.app[DATABASE].connection() as connection:
            found = await chat.find(connection, place.row.id, token, now(request)) if kind == "Bearer" else None
        if found is None:
            raise Refusal(401, "ended", "chat.ended")
        return found

    async def _back(self, request: web.Request, visit: Visit) -> None:
        async with request.app[DATABASE].transaction() as connection:
            await chat.seen(connection, [visit.address], now(request))
        request.app[BELL]()

    def _identity(self, request: web.Request, place: Place, token: str) -> Identity | None:
        if not token:
            return None
        try:
            return place.connector.identify(token, now(request))
        except NotIdentified as error:  # the chat goes on, without a name that is vouched for
            log.warning("signed identity refused", channel=place.row.id, reason=str(error))
            return None


async def _put(request: web.Request, place: Place, made: Delivery) -> delivery.Receipt:
    receipt = await request.app[WRITER].put(place.row.id, made)
    if receipt.differs:
        raise Refusal(409, "other_words", "chat.other_words")
    return receipt


@dataclass(frozen=True, slots=True)
class Posted:
    """A line as it came: the panel's own id of it, its words, its files as (name, type, content), other fields."""

    line: str
    words: str
    files: list[tuple[str, str, bytes]]
    given: dict[str, str]


async def _posted(request: web.Request) -> Posted:
    """A line from its form. Raises `Refusal`."""
    try:
        post = await request.post()
    except web.HTTPException:
        raise
    except (ValueError, LookupError, AssertionError, HttpProcessingError) as error:
        raise web.HTTPBadRequest from error
    given = {name: value for name, value in post.items() if isinstance(value, str)}
    line, words = given.get("line", ""), clean(given.get("text", "")).replace("\r\n", "\n").strip()
    files = [Upload("", part.filename, part.file.read()) for part in post.getall("files", ())
             if isinstance(part, web.FileField) and part.filename]
    if not LINE.fullmatch(line):
        raise web.HTTPBadRequest
    if not words and not files:
        raise Refusal(422, "empty", "chat.empty")
    if len(words) > LINE_CHARACTERS:
        raise Refusal(422, "too_long", "chat.too_long", most=LINE_CHARACTERS)
    return Posted(line, words, await _files(request, files), given)


async def _files(request: web.Request, files: list[Upload]) -> list[tuple[str, str, bytes]]:
    """What may be sent along, with its type by its content."""
    problem = upload.first_problem(files)
    if problem is not None:
        raise Refusal(422, problem.key, f"answer.{problem.key}", **problem.values)
    if files:
        await _limit(request, f"form files:{place_of(request)}", limits.FORM_UPLOADS, "answer.files_wait")
    return [(upload.safe_name(one.name), kind_of(one.content), one.content) for one in files]


async def _limit(request: web.Request, name: str, most: tuple, words: str) -> None:
    async with request.app[DATABASE].connection() as connection:
        if wait := await limit.take(connection, name, most, now(request)):
            raise Refusal(429, "busy", words, wait, **({} if words == "answer.files_wait" else {"n": -(-wait // 60)}))


async def _json(request: web.Request) -> dict[str, Any]:
    """A small JSON object of texts. Raises `HTTPBadRequest`."""
    try:
        found = await request.json()
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest from error
    if not isinstance(found, dict) or not all(isinstance(value, str | None) for value in found.values()):
        raise web.HTTPBadRequest
    return found


def _about(name: str, email: str, speech: str, page: str) -> dict[str, str]:
    told = {"name": name, "email": email, "language": speech, "page": page}
    return {name: value for name, value in told.items() if value}


def _name(value: Any) -> str:
    return " ".join(clean(str(value or "")).split())[:limits.CHAT_NAME_CHARACTERS]


def _email(value: Any) -> str:
    return email_address(clean(str(value or "")))


def _page(value: Any) -> str:
    """The page of the site without its query: that may hold what nobody meant to tell."""
    try:
        found = URL(clean(str(value or ""))[:limits.CHAT_PAGE_CHARACTERS])
    except ValueError:
        return ""
    return str(found.with_query(None).with_fragment(None)) if found.scheme in ("https", "http") and found.host else ""
