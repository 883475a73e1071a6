"""What a form sent: text under a name, never a surprise of another kind."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from connectors import clean

LONGEST = 10_000  # characters of one ordinary field


class Fields:
    """A form's fields. A missing field, or a file where text should be, is the empty text. One that is longer than
    LONGEST raises `HTTPRequestEntityTooLarge`: a text is never kept in part."""

    def __init__(self, post):
        self._post = post

    def text(self, name: str) -> str:
        """The first value under `name`."""
        value = self._post.get(name, "")
        return _clean(value) if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """Every value under `name`, for boxes that are ticked."""
        return [_clean(value) for value in self._post.getall(name, []) if isinstance(value, str)]

    def numbers(self, name: str) -> list[int]:
        """Every whole number under `name`, small enough for an id."""
        return [int(text) for text in self.texts(name) if text.isascii() and text.isdigit() and len(text) < 10]

    def on(self, name: str) -> bool:
        """Whether a box is ticked."""
        return name in self._post

    def all(self, *names: str) -> Mapping[str, str]:
        """The texts, to fill the form in again."""
        return {name: self.text(name) for name in names}


async def read(request: web.Request) -> Fields:
    """The form in the body. Raises `HTTPBadRequest` when it is not one."""
    try:
        return Fields(await request.post())
    except web.HTTPException:
        raise
    except (ValueError, LookupError, AssertionError, HttpProcessingError) as error:
        raise web.HTTPBadRequest from error


def _clean(text: str) -> str:
    """No NUL, which PostgreSQL refuses, and no halves of characters."""
    if len(text) > LONGEST:
        raise web.HTTPRequestEntityTooLarge(max_size=LONGEST, actual_size=len(text))
    return clean(text)
