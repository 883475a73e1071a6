"""The audit table: sign-ins, refusals, exports and changes of settings. It takes no event lock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from newsroom.database import Connection

KINDS = {
    "signed_in": "somebody signed in",
    "sign_in_failed": "a wrong password, or too many tries",
    "signed_out": "somebody signed out",
    "session_ended": "a session was ended from the profile or by an administrator",
    "password_set": "a new password",
    "reset_asked": "a link for a new password was asked for",
    "link_made": "a one-time link was made",
    "link_used": "a one-time link was used",
    "account_made": "an account was made",
    "account_changed": "roles, teams or the state of an account were changed",
    "address_shown": "a resident's full address was asked for",
    "exported": "figures or conversations were saved as a file",
    "refused": "somebody asked for what they may not see or do",
    "setting_changed": "a setting was changed by an administrator",
    "nothing_disappears": "the nightly check, with what it found",
}


async def record(connection: Connection, kind: str, account_id: int | None, address: str, at: datetime,
                 conversation_id: int | None = None, **data: Any) -> None:
    """Add one line. `data` holds ids and states: never a password, a token or a resident's words."""
    if kind not in KINDS:
        raise ValueError(f"unknown audit kind: {kind}")
    # one more line of the log
    await connection.execute("insert into audit (at, kind, account_id, conversation_id, address, data)"
                             " values ($1, $2, $3, $4, $5, $6)", at, kind, account_id, conversation_id, address, data)


async def known_place(connection: Connection, email: str, network: str, since: datetime) -> bool:
    """Whether this person signed in from there before: then others' wrong guesses do not keep them out."""
    # only asked while an account is under attack
    return await connection.fetchval(
        "select exists(select from audit l join account a on a.id = l.account_id where l.at > $3"
        " and l.kind = 'signed_in' and lower(a.email) = $1 and l.data ->> 'network' = $2)",
        email.strip().lower(), network, since)
