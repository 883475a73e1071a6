"""The test of a channel: with settings that are not kept yet, and what the ICT department needs when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

from connectors import ChannelError, Connector, Proving, Renewing, Secret, Step
from newsroom import channel, option
from newsroom.channel import Channel, Live
from newsroom.database import Database
from newsroom.reply import proof_token
from newsroom.secret import Keys

SECONDS = 90.0  # a person waits for it
CLOSE_SECONDS = 10.0  # a connector that does not close in time is left to its fate

Renewed = Callable[[str, Secret], Awaitable[None]]  # the setting and its new value

log = structlog.get_logger("newsroom.probe")


async def check(kind: type[Connector], keys: Keys, row: Channel, secrets: dict[str, str],
                forget: Sequence[str] = (), renewed: Renewed | None = None) -> list[Step]:
    """The steps of the connector's own test. `secrets` are in the place of those kept; `renewed` gets a credential
    that the server renews meanwhile. Never raises: what goes wrong is a step that failed, in Dutch as all steps are.
    """
    kept = {name: mark.value for name, mark in channel.secrets_of(row, keys, strict=False).items()}
    given = {name: value for name, value in (kept | secrets).items() if name not in forget}
    connector = None
    try:
        async with asyncio.timeout(SECONDS):
            connector = kind(option.make(kind.Settings, row.settings, given))
            if isinstance(connector, Renewing):
                connector.on_new_secret = renewed
            return await connector.check() or [Step("Ingevuld", True)]
    except ChannelError as error:
        return [Step("Verbinden", False, problem=str(error))]
    except TimeoutError:
        return [Step("Verbinden", False, problem=f"Geen antwoord binnen {SECONDS:g} seconden. Kijk de server en de"
                                                 " poort na, of vraag ICT of de firewall dit toestaat.")]
    except OSError as error:
        return [Step("Verbinden", False, detail=type(error).__name__,
                     problem="De server is niet te bereiken. Kijk de naam en de poort na.")]
    except Exception as error:
        log.error("check failed", kind=kind.name, error=type(error).__name__, where=where(error))
        return [Step("Test", False, detail=type(error).__name__,
                     problem="De test zelf ging mis. Meer staat in het logboek van de server.")]
    finally:
        if connector is not None:
            await close(connector)


async def prove(live: Live, database: Database, row: Channel) -> list[Step]:
    """Whether replies to a signed address arrive, and keep that. Only a live channel may send the message that proves
    it; for others, and for a connector that has nothing to prove, no step."""
    connector = live.make(row)
    try:
        if row.mode != "live" or not isinstance(connector, Proving):
            return []
        step = await connector.prove_reply_address(proof_token(live.keys.signing_key("reply")))
        async with database.transaction() as connection:
            await channel.set_reply_address(connection, row.id, row.address if connector.reply_address_proved else "")
        return [step]
    finally:
        await close(connector)


def for_ict(row: Channel, title: str, steps: Sequence[Step]) -> str:
    """Text to send to the ICT department: what was tried and how far it came. Without credentials."""
    lines = [f"Newsroom, {title}, {row.name}", ""]
    for name, value in row.settings.items():
        if isinstance(value, str | int) and value not in ("", False):
            lines.append(f"{name}: {value}")
    lines.append("")
    for step in steps:
        lines.append(f"{'OK  ' if step.ok else 'FOUT'} {step.name}{': ' + step.detail if step.detail else ''}")
        if step.problem:
            lines.append(f"     {step.problem}")
    return "\n".join(lines)


async def close(connector: Connector) -> None:
    """Close a connector, whatever it does."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await connector.close()
    except Exception as error:
        log.warning("connector did not close", error=type(error).__name__)


def where(error: BaseException) -> str:
    """The file and line that raised: the text of an error may hold anything, so it is not logged."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
