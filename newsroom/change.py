"""A change of the configuration: who made it, and what was before and after, for the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from newsroom import audit
from newsroom.database import Connection


@dataclass(frozen=True, slots=True)
class By:
    """Who changes the configuration, when, and from which address. No account: the command line."""

    account_id: int | None
    at: datetime
    address: str = ""


class Wrong(Exception):
    """What was filled in cannot be kept. `field` names the form's field, `key` the sentence in the catalogue."""

    def __init__(self, field: str, key: str, **values: Any):
        super().__init__(f"{field}: {key}")
        self.field = field
        self.key = key
        self.values_of_key = values


async def note(connection: Connection, by: By, what: str, id: int | None, name: str, before: Mapping[str, Any],
               after: Mapping[str, Any]) -> bool:
    """One line of the log with the fields that differ; none when nothing does. Returns whether anything did.

    `what` is the kind of thing, `name` how it is called. Values are settings: never a credential.
    """
    # empty, off and nothing are the same to who reads it
    changed = [field for field in {**before, **after} if (before.get(field) or None) != (after.get(field) or None)]
    if not changed:
        return False
    await audit.record(connection, "setting_changed", by.account_id, by.address, by.at, what=what, id=id, name=name,
                       before={field: before.get(field) for field in changed},
                       after={field: after.get(field) for field in changed})
    return True
