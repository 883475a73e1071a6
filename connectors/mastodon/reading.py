"""What is new at the source since the cursor, as batches.

The cursor holds how far notifications and our own posts were read, where reading began (`start`, and `history`: up to
there it is closed history), and the posts that are watched, because no list at the source tells of an edit or a
deletion that happened while nobody listened: {id: [edited_at, replies, root, author, public, ours]}. `root` is the
post of ours under which it stands, so that answers among residents are seen too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors import Batch, Delivery, DeliveryKey, Refused
from connectors.mastodon.client import Api, Missing
from connectors.mastodon.gather import deleted, key, post
from connectors.mastodon.parse import PUBLIC, handle
from connectors.mastodon.settings import Settings

PAGE = 40  # the most that a server gives at once
AT_ONCE = 20  # posts asked by id in one request
WATCHED = 400  # posts, the newest ones
WATCHED_DAYS = 14
BATCH_BYTES = 8_000_000  # of deliveries in one batch

Watch = list[Any]  # [edited_at, replies, root, author, public, ours]


class Reading:
    """Reads for one account; `home` is who that is and where, `app` our application's name at the server."""

    def __init__(self, api: Api, settings: Settings, home: dict[str, str], app: str, cursor: Mapping[str, Any]) -> None:
        self._api, self._settings, self._home, self._app = api, settings, home, app
        self.cursor: dict[str, Any] = {"watched": {}, **cursor}
        self._by_id = True  # the server gives posts by their ids, since Mastodon 4.3
        if self.cursor.get("account", home["account"]) != home["account"]:
            raise Refused("Dit token hoort bij een ander account dan eerst. Maak er een nieuw kanaal voor.")

    async def begin(self) -> AsyncIterator[Batch]:
        """The starting points, when there are none yet: from now on, or some days back as closed history."""
        if "start" in self.cursor:
            return
        notifications, own = await self._newest(self._mentions()), await self._newest(self._own())
        start = {"notifications": notifications, "own": own}
        if self._settings.start_days > 0:
            first = datetime.now(UTC) - timedelta(days=self._settings.start_days)
            start = {"notifications": await self._before(self._mentions(), first),
                     "own": await self._before(self._own(), first)}
        self.cursor |= {**start, "start": start, "history": {"notifications": notifications, "own": own},
                        "account": self._home["account"]}
        yield self._batch([])

    async def catch_up(self) -> AsyncIterator[Batch]:
        """Mentions and direct messages, then our own posts, each from where the cursor stands."""
        for name, source in (("notifications", self._mentions()), ("own", self._own())):
            while page := await self._api.get(source[0], **source[1], limit=PAGE, min_id=self.cursor[name]):
                gathered: list[Delivery] = []
                for row in sorted(page, key=lambda row: number(row["id"])):
                    gathered += await self._row(row, number(row["id"]) <= number(self.cursor["history"][name]))
                    self.cursor[name] = str(row["id"])
                    if sum(len(one.body) for one in gathered) > BATCH_BYTES:
                        yield self._batch(gathered)
                        gathered = []
                yield self._batch(gathered)

    async def check_watched(self, ids: Iterable[str] | None = None) -> AsyncIterator[Batch]:
        """Edits, deletions and new answers under our posts, of these watched posts or of all."""
        watched = self.cursor["watched"]
        wanted = [id for id in (watched if ids is None else ids) if id in watched]
        roots: set[str] = set()
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start:start + AT_ONCE]
            found = await self._posts(some)
            gathered: list[Delivery] = []
            for id in some:
                gathered += await self._changed(id, found.get(id), roots)
            if gathered:
                yield self._batch(gathered)
        for root in roots:
            if gathered := await self._answers(root):
                yield self._batch(gathered)

    async def keys(self, since: datetime | None) -> AsyncIterator[DeliveryKey]:
        """The keys of what the source has from where reading began to where the cursor stands."""
        for name, source in (("notifications", self._mentions()), ("own", self._own())):
            last = self.cursor["start"][name]
            while page := await self._api.get(source[0], **source[1], limit=PAGE, min_id=last):
                last = str(max((row["id"] for row in page), key=number))
                for row in page:
                    status = _post_of(row)
                    if status and not self._is_reply_of_ours(status) \
                            and number(row["id"]) <= number(self.cursor[name]) \
                            and (since is None or datetime.fromisoformat(row["created_at"]) >= since):
                        yield key(str(status["id"]))

    async def fetch(self, keys: Sequence[DeliveryKey]) -> AsyncIterator[Delivery]:
        """These posts as they are now; one that is gone is left out."""
        for wanted in keys:
            try:
                status = await self._api.get(f"/api/v1/statuses/{wanted.partition('/')[2]}")
            except Missing:
                continue
            yield await post(self._api, status, self._home, history=self._is_own_thread(status))

    async def _row(self, row: dict[str, Any], history: bool) -> list[Delivery]:
        status = _post_of(row)
        return await self._new(status, history) if status else []

    async def _new(self, status: dict[str, Any], history: bool = False) -> list[Delivery]:
        """A post that is not here yet; nothing for a reply that was sent from here."""
        if str(status["id"]) in self.cursor["watched"]:
            return []
        gathered = [] if self._is_reply_of_ours(status) else \
            [
            await post(self._api, status, self._home, history=history or self._is_own_thread(status))]
        self._watch(status)
        return gathered

    async def _changed(self, id: str, status: dict[str, Any] | None, roots: set[str]) -> list[Delivery]:
        edited, replies, root, author, public, ours = self.cursor["watched"][id]
        if status is None:
            del self.cursor["watched"][id]
            return [deleted(id, self._home, author, public, ours)]
        if root and status.get("replies_count", 0) > replies:
            roots.add(root)
        self._watch(status, root)
        if (status.get("edited_at") or "") != edited:
            return [await post(self._api, status, self._home, "edit")]
        return []

    async def _answers(self, root: str) -> list[Delivery]:
        """What was said under a post of ours, also by people who do not name us."""
        try:
            context = await self._api.get(f"/api/v1/statuses/{root}/context")
        except Missing:
            return []
        return [one for status in context.get("descendants") or [] for one in await self._new(status)]

    async def _posts(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        """Posts by id, as far as they are there. What the list lacks is asked for by itself: only then it is gone."""
        found: dict[str, dict[str, Any]] = {}
        if self._by_id:
            try:
                found = {str(one["id"]): one for one in await self._api.get("/api/v1/statuses", id=ids)}
            except (Missing, Refused):
                self._by_id = False
        for id in ids:
            if id not in found:
                try:
                    found[id] = await self._api.get(f"/api/v1/statuses/{id}")
                except Missing:
                    pass
        return found

    def _watch(self, status: dict[str, Any], root: str = "") -> None:
        watched: dict[str, Watch] = self.cursor["watched"]
        id, ours = str(status["id"]), self._is_ours(status)
        above = watched.get(str(status.get("in_reply_to_id")))
        root = root or (above[2] if above else "") or (id if ours else "")
        watched[id] = [status.get("edited_at") or "", status.get("replies_count", 0), root,
                       handle(status["account"], self._home["domain"]), status["visibility"] in PUBLIC, ours]
        for old in sorted(watched, key=number)[:-WATCHED]:
            del watched[old]

    def _is_ours(self, status: dict[str, Any]) -> bool:
        return str(status["account"]["id"]) == self._home["account"]

    def _is_own_thread(self, status: dict[str, Any]) -> bool:
        """A post of ours that answers nobody: it asks for no answer."""
        return self._is_ours(status) and not status.get("in_reply_to_id")

    def _is_reply_of_ours(self, status: dict[str, Any]) -> bool:
        """Whether it was sent with our own token: only its author is told which application made a post."""
        made_by = status.get("application")
        return self._is_ours(status) and bool(self._app) and isinstance(made_by, dict) and \
            made_by.get("name") == self._app

    def _mentions(self) -> tuple[str, dict[str, Any]]:
        """Also those that the account's own filter sets apart: a resident does not know that we do not follow them."""
        return "/api/v1/notifications", {"types": ["mention"], "include_filtered": "true"}

    def _own(self) -> tuple[str, dict[str, Any]]:
        return f"/api/v1/accounts/{self._home['account']}/statuses", {"exclude_reblogs": "true"}

    async def _newest(self, source: tuple[str, dict[str, Any]]) -> str:
        page = await self._api.get(source[0], **source[1], limit=1)
        return str(page[0]["id"]) if page else "0"

    async def _before(self, source: tuple[str, dict[str, Any]], first: datetime) -> str:
        """The id of the last one before a moment; "0" when there is none."""
        more: dict[str, Any] = {}
        while page := await self._api.get(source[0], **source[1], limit=PAGE, **more):
            for row in page:  # newest first
                if datetime.fromisoformat(row["created_at"]) < first:
                    return str(row["id"])
            more = {"max_id": page[-1]["id"]}
        return "0"

    def _batch(self, deliveries: list[Delivery]) -> Batch:
        watched = {id: list(watch) for id, watch in self.cursor["watched"].items()}
        return Batch(tuple(deliveries), {**self.cursor, "watched": watched})


def number(id: Any) -> tuple[int, str]:
    """Ids grow; some servers have letters in them, which grow as text of one length does."""
    return len(str(id)), str(id)


def _post_of(row: dict[str, Any]) -> dict[str, Any] | None:
    """The post in a notification, or the post itself. A notification may have lost it."""
    return row if "visibility" in row else row.get("status")
