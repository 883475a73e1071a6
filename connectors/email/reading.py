"""What is read from a mailbox and how far we are: batches for the house, each with the position after it.

The position of a folder: `folder`, `uidvalidity`, `uid` (the last one read), `start` (the uid before the first one
that is ours) and `history` (up to this uid it is closed history; when `renumbered`, only what came before the cursor's
`since`, the moment of the first connection). The house keeps it and gives it back; nothing is kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from connectors import Batch, Delivery, DeliveryKey, TryLater
from connectors.email.imap import Declined, Dropped, Folder, Line, Measure
from connectors.email.limits import MAIL_BYTES
from connectors.email.settings import Settings

T = TypeVar("T")

BATCH_MAILS = 50
BATCH_BYTES = 20_000_000
IDLE_SECONDS = 540.0  # firewalls forget a silent connection after 10 minutes or more
SENT_SECONDS = 60.0  # IDLE watches one folder; the folder with sent mail is looked at this often
POLL_SECONDS = 30.0  # for a server without IDLE
CLOCK_SLACK = timedelta(minutes=10)  # between the mail server's clock and ours
TRIES = 3  # of one mail on which the connection breaks
MESSAGE_RFC822 = "message/rfc822"


class Reading:
    """The endless row of batches of one mailbox. Runs in the mailbox's thread."""

    def __init__(self, settings: Settings, line: Line, cursor: Mapping[str, Any]):
        self._settings, self._line = settings, line
        self.cursor: dict[str, Any] = deepcopy(dict(cursor))
        self.cursor.setdefault("since", datetime.now(UTC).isoformat())

    def batches(self) -> Iterator[Batch]:
        """Raises `TryLater` and `SignInNeeded`; start again from the last cursor that was stored."""
        try:
            self._line.connect()
            sent = self._settings.sent or self._line.sent_folder()
            while True:
                if sent and sent != self._settings.inbox:
                    yield from self._look("sent", sent)
                yield from self._look("inbox", self._settings.inbox)  # last: `wait` watches the folder we are in
                self._line.wait(SENT_SECONDS if sent else IDLE_SECONDS, POLL_SECONDS)
        except Declined as problem:
            raise TryLater(f"De mailserver weigert: {problem}") from problem
        finally:
            self._line.close()

    def again(self, keys: Sequence[DeliveryKey]) -> Iterator[list[Delivery]]:
        """These mails of the inbox once more, whatever was read already."""
        at, wanted = self.cursor["inbox"], set(keys)
        uids = sorted(uid for uid in (int(one.rpartition("/")[2]) for one in wanted) if key(at, uid) in wanted)
        try:
            self._line.connect()
            self._open("inbox", at["folder"])
            for start in range(0, len(uids), BATCH_MAILS):
                for batch in self._read("inbox", uids[start:start + BATCH_MAILS]):
                    yield list(batch.deliveries)
        except Declined as problem:
            raise TryLater(f"De mailserver weigert: {problem}") from problem
        finally:
            self._line.close()

    def _look(self, role: str, name: str) -> Iterator[Batch]:
        """What is new in a folder. A folder we are not in is only opened when something came."""
        if self._line.opened != name:
            try:
                folder = self._line.folder(name)
            except Declined:
                if role == "sent":
                    return  # a missing folder with sent mail must not stop the inbox; `check` tells of it
                raise
            yield from self._placed(role, folder)
            if role == "sent" and folder.next_uid <= self.cursor[role]["uid"] + 1:
                return
            self._open(role, name)
        uids = self._line.uids_after(self.cursor[role]["uid"])
        for start in range(0, len(uids), BATCH_MAILS):
            yield from self._read(role, uids[start:start + BATCH_MAILS])

    def _placed(self, role: str, folder: Folder) -> Iterator[Batch]:
        """A position for a folder that has none or was renumbered. Kept at once: the start is fixed from then on."""
        at = self.cursor.get(role)
        if at is None or at["folder"] != folder.name:
            self.cursor[role] = self._begin(folder)
        elif at["uidvalidity"] != folder.validity:
            self.cursor[role] = _anew(folder)
        else:
            return
        yield Batch((), deepcopy(self.cursor))

    def _begin(self, folder: Folder) -> dict[str, Any]:
        """Where a folder starts that we never read: now, or at the first mail of the last so many days."""
        start = folder.next_uid - 1
        if self._settings.start_days > 0:
            self._line.examine(folder.name)
            first = datetime.now(UTC) - timedelta(days=self._settings.start_days)
            start = min([start, *(uid - 1 for uid in self._line.search(f"SINCE {_imap_date(first)}"))])
        return {"folder": folder.name, "uidvalidity": folder.validity, "uid": start, "start": start,
                "history": folder.next_uid - 1}

    def _open(self, role: str, name: str) -> None:
        if self._line.examine(name) != self.cursor[role]["uidvalidity"]:
            raise TryLater("De map is op de mailserver opnieuw gemaakt.", 1.0)

    def _read(self, role: str, uids: list[int]) -> Iterator[Batch]:
        """These mails in batches that fit in memory, oldest first."""
        measures, withheld = self._each(role, uids, self._line.measure)
        group: list[int] = []
        weight = 0
        for uid in uids:
            size = measures[uid].size if uid in measures else 0
            if group and weight + size > BATCH_BYTES:
                yield self._batch(role, group, measures, withheld)
                group, weight = [], 0
            group.append(uid)
            weight += min(size, BATCH_BYTES)
        yield self._batch(role, group, measures, withheld)

    def _batch(self, role: str, uids: list[int], measures: dict[int, Measure], withheld: dict[int, str]) -> Batch:
        large = {uid for uid in uids if uid in measures and measures[uid].size > MAIL_BYTES}
        whole = [uid for uid in uids if uid in measures and uid not in large]
        mails, refused = self._each(role, whole, self._line.mails) if whole else ({}, {})
        reasons = withheld | refused
        deliveries = []
        for uid in uids:
            if uid in large:
                deliveries.append(self._too_large(role, uid, measures[uid]))
            elif uid in mails:
                deliveries.append(self._delivery(role, uid, mails[uid], measures[uid].arrived))
            elif uid in reasons:
                deliveries.append(self._problem(role, uid, reasons[uid], measures.get(uid)))
        self.cursor[role]["uid"] = uids[-1]
        return Batch(tuple(deliveries), deepcopy(self.cursor))

    def _each(self, role: str, uids: list[int],
              ask: Callable[[list[int]], dict[int, T]]) -> tuple[dict[int, T], dict[int, str]]:
        """What the server gave and, by uid, why it would not give the rest. One bad mail spoils its whole fetch, so
        then they are asked for one at a time. A mail that was deleted meanwhile is in neither."""
        given: dict[int, T] = {}
        try:
            given = ask(uids)
        except Declined:
            pass
        except Dropped:
            self._again(role)
        reasons: dict[int, str] = {}
        for uid in [uid for uid in uids if uid not in given]:
            try:
                given |= self._alone(role, uid, ask)
                if uid not in given and self._line.search(f"UID {uid}"):
                    reasons[uid] = "De mailserver gaf een leeg antwoord."
            except Declined as problem:
                reasons[uid] = str(problem)
        return given, reasons

    def _alone(self, role: str, uid: int, ask: Callable[[list[int]], dict[int, T]]) -> dict[int, T]:
        for _ in range(TRIES):
            try:
                return ask([uid])
            except Dropped:
                self._again(role)  # raises when the server cannot be reached at all
        raise Declined("De verbinding brak bij dit bericht telkens af.")

    def _again(self, role: str) -> None:
        self._line.connect()
        self._open(role, self.cursor[role]["folder"])

    def _delivery(self, role: str, uid: int, body: bytes, arrived: datetime, **more: str) -> Delivery:
        at, settings = self.cursor[role], self._settings
        meta = {"folder": at["folder"], "own": settings.address} | more
        if role == "sent":
            meta["sent"] = "1"
        if settings.authserv_id:
            meta["authserv"] = settings.authserv_id
        if uid <= at["history"] and (not at.get("renumbered") or arrived < self._first_day()):
            meta["history"] = "1"
        return Delivery(key(at, uid), body, arrived, MESSAGE_RFC822, meta)

    def _first_day(self) -> datetime:
        return datetime.fromisoformat(self.cursor["since"]) - CLOCK_SLACK

    def _too_large(self, role: str, uid: int, measure: Measure) -> Delivery:
        """Its header and how it begins; the mailbox keeps the rest."""
        begun, _ = self._each(role, [uid], lambda uids: {one: self._line.beginning(one) for one in uids})
        body, structure = begun.get(uid, (b"", ""))
        return self._delivery(role, uid, body, measure.arrived, too_large="1", size=str(measure.size),
                              structure=structure)

    def _problem(self, role: str, uid: int, reason: str, measure: Measure | None) -> Delivery:
        """Stands on the board in the mail's place, with its header when the server gives at least that."""
        try:
            body = self._line.headers(uid)
        except Declined:
            body = b""
        except Dropped:
            self._again(role)
            body = b""
        arrived = measure.arrived if measure else datetime.now(UTC)
        return self._delivery(role, uid, body, arrived, problem="not_fetched", reason=reason)


def keys(settings: Settings, line: Line, cursor: Mapping[str, Any],
         since: datetime | None) -> Iterator[list[DeliveryKey]]:
    """The keys of all mails that are in the inbox now and are ours to have, in one list."""
    try:
        line.connect()
        at = cursor["inbox"]
        if line.examine(settings.inbox) != at["uidvalidity"]:
            raise TryLater("De map is op de mailserver opnieuw gemaakt.", 1.0)
        late = f" SINCE {_imap_date(since)}" if since else ""
        yield [key(at, uid) for uid in line.search(f"UID {at['start'] + 1}:*{late}") if uid > at["start"]]
    except Declined as problem:
        raise TryLater(f"De mailserver weigert: {problem}") from problem
    finally:
        line.close()


def key(at: Mapping[str, Any], uid: int) -> DeliveryKey:
    """A mail's coordinates at the server (RFC 3501 section 2.3.1.1)."""
    return DeliveryKey(f"{at['folder']}/{at['uidvalidity']}/{uid}")


def _anew(folder: Folder) -> dict[str, Any]:
    """After UIDVALIDITY changed every number means another mail: all are read again, and the house knows them by
    their content. What is older than our first day becomes history."""
    return {"folder": folder.name, "uidvalidity": folder.validity, "uid": 0, "start": 0,
            "history": folder.next_uid - 1, "renumbered": True}


def _imap_date(day: datetime) -> str:
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{day.day}-{months[day.month - 1]}-{day.year}"
