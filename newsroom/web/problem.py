"""What programs are told when something is wrong: `application/problem+json` (RFC 9457), in English, with every
mistake at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from connectors import NotAccepted, NotVerified, SignInNeeded
from newsroom.access import Forbidden
from newsroom.channel import NoChannel
from newsroom.conversation import NotFound
from newsroom.web import limits
from newsroom.web.keys import REFERENCE

API_VERSION = "1.0.0"  # semantic; on every answer below /api/
TITLES = {400: "Bad request", 401: "No valid token", 403: "Not allowed", 404: "Not found", 405: "Method not allowed",
          413: "Too large", 415: "Not JSON", 429: "Too many requests", 500: "Something went wrong", 503: "Try again"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong: where (`$.files[0].name`, or the name of a parameter), and why."""

    name: str
    reason: str


class Refusal(Exception):
    """An answer that says what is wrong."""

    def __init__(self, status: int, title: str, detail: str, mistakes: Sequence[Mistake] = (),
                 headers: Mapping[str, str] | None = None):
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.mistakes = mistakes
        self.headers = headers or {}


def answer(request: web.Request, found: Refusal) -> web.Response:
    """The refusal as an answer. `reference` finds it in the log."""
    told = {"type": "about:blank", "title": found.title, "status": found.status, "detail": found.detail,
            "reference": request.get(REFERENCE, "")}
    if found.mistakes:
        told["invalidParams"] = [{"name": one.name, "reason": one.reason} for one in found.mistakes]
    return web.json_response(told, status=found.status, headers=found.headers, content_type="application/problem+json")


def refuse(request: web.Request, error: Exception) -> web.Response:
    """The answer to an error. Raises what is not ours to explain."""
    match error:
        case Refusal():
            return answer(request, error)
        case NotVerified():
            found = Refusal(401, "Not verified", "The key or signature is missing, wrong or too old.")
        case NotAccepted():
            found = Refusal(422, "Not a message", f"{error}.")
        case NoChannel():
            found = Refusal(404, "No such channel", "There is no such channel, or it takes no messages.")
        case SignInNeeded():  # nothing is wrong with what the source sends: it must keep it
            found = Refusal(503, TITLES[503], "This channel does not work at the moment.",
                            headers={"Retry-After": "300"})
        case NotFound():
            found = Refusal(404, TITLES[404], "There is nothing here that this token may see.")
        case Forbidden():
            found = Refusal(403, TITLES[403], "The account of this token may not read this.")
        case web.HTTPRequestEntityTooLarge():
            found = too_large("body", limits.BODY_BYTES)
        case _:
            raise error
    return answer(request, found)


def too_large(what: str, most: int) -> Refusal:
    """More bytes than the entrance takes."""
    return Refusal(413, TITLES[413], f"The {what} may be at most {most} bytes.")
