"""The command line: `newsroom COMMAND`. Every command explains itself with --help."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import structlog

from connectors import outbound
from newsroom import account, api_token, app, command, link
from newsroom.access import ROLES
from newsroom.demo import peaks
from newsroom.embedded_place import EmbeddedError
from newsroom.settings import Settings, SettingsWrong, load

PROG = "newsroom"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 it did not work, 2 the words or settings are wrong."""
    given = parser().parse_args(arguments)
    try:
        settings = load(file=given.settings)
    except SettingsWrong as wrong:
        print(f"{PROG}: the settings are wrong.\n{wrong}", file=sys.stderr)
        return 2
    outbound.permit(settings.outbound_networks)
    _log_to_stderr("warning" if settings.log_level == "info" and given.run is not serve else settings.log_level)
    try:
        return asyncio.run(given.run(settings, given)) or 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `newsroom mail show ... | head`: whoever read our lines has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (command.Failed, EmbeddedError) as failed:
        print(f"{PROG}: {failed}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """All commands with their help."""
    top = argparse.ArgumentParser(PROG, description="One hub for all contact of a municipality.",
                                  epilog="Settings come from NEWSROOM_ variables; the README has the table.")
    top.add_argument("--settings", type=Path, metavar="FILE", help="a file of NAME=value lines")
    top.add_argument("--version", action="version", version=f"{PROG} {version(PROG)}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    _runs(commands)
    _cares(commands)
    _people(commands)
    _channels(commands)
    _mail(commands)
    return top


def _runs(commands) -> None:
    add = commands.add_parser
    one = add("serve", help="run everything in one process", description="Web pages, live sockets, reading and "
              "sending in one process. Prints a one-time link while there are no users.")
    one.set_defaults(run=serve, parts=(True, True))
    one = add("web", help="run only the pages and live sockets", description="For several processes on one "
              "database: run `newsroom work` beside it.")
    one.set_defaults(run=serve, parts=(True, False))
    one = add("work", help="run only the reading, sending and clocks", description="For several processes on one "
              "database: run `newsroom web` beside it.")
    one.set_defaults(run=serve, parts=(False, True))
    one = add("demo", help="run the invented municipality Voorbeeldstad", description="Its data are kept apart, in "
              "the folder demo of NEWSROOM_DATA. Nothing is really sent.")
    one.add_argument("--speed", type=float, default=1.0, metavar="N", help="how fast messages come in; 0: none")
    one.add_argument("--burst", default="", choices=tuple(peaks()), metavar="WHAT",
                     help=f"begin with a peak of some minutes: {', '.join(peaks())}")
    one.add_argument("--reset", action="store_true", help="begin anew: throw away what was done in it")
    one.set_defaults(run=demo)
    one = add("migrate", help="bring the database's tables up to date", description="Safe to repeat; `serve` does "
              "it too. Wants the owner's address in NEWSROOM_OWNER_DATABASE_URL when that is another role.")
    one.set_defaults(run=migrate)


def _add(commands, name: str, text: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")


def _cares(commands) -> None:
    one = commands.add_parser("check", help="try every setting and channel and say what is wrong",
                              description="Exit code 1 when something is wrong.")
    one.add_argument("--quick", action="store_true", help="only the database and its tables")
    one.add_argument("--language", choices=("nl", "en"), default="nl", help="of what is found (nl)")
    one.set_defaults(run=command.check)
    tokens = _add(commands, "token", "tokens for programs that use the API")
    tokens = tokens.add_subparsers(metavar="WHAT", required=True)
    one = _add(tokens, "add", "make a token; it is shown once")
    one.add_argument("name", help="what it is for")
    one.add_argument("--scope", action="append", default=[], dest="scopes", choices=sorted(api_token.SCOPES),
                     help="; ".join(f"{name}: {what}" for name, what in api_token.SCOPES.items())
                     + "; may be given more often")
    one.add_argument("--channel", metavar="NAME", help="the channel it may deliver into, for the scope deliver")
    one.add_argument("--account", metavar="EMAIL", help="whose sight it has, for the other scopes")
    one.set_defaults(run=command.add_token)
    one = _add(tokens, "list", "all tokens, without their text")
    one.set_defaults(run=command.list_tokens)
    one = _add(tokens, "revoke", "make a token worthless")
    one.add_argument("id", type=int, help="the number before it in `newsroom token list`")
    one.set_defaults(run=command.revoke_token)


def _people(commands) -> None:
    users = _add(commands, "user", "people who may sign in").add_subparsers(metavar="WHAT", required=True)
    one = _add(users, "add", "make an account; prints a one-time link to choose a password")
    one.add_argument("email", help="the address to sign in with")
    one.add_argument("name", help='such as "Sanne Vos"')
    one.add_argument("--role", action="append", default=[], dest="roles", metavar="ROLE", choices=ROLES,
                     help=f"{', '.join(ROLES)}; may be given more often")
    one.set_defaults(run=command.add_user)
    one = _add(users, "list", "everybody, with roles")
    one.set_defaults(run=command.list_users)
    one = _add(users, "disable", "end somebody's access; their open work goes back to triage")
    one.add_argument("email", help="as `newsroom user list` shows it")
    one.set_defaults(run=command.disable_user)


def _channels(commands) -> None:
    channels = _add(commands, "channel", "mailboxes, forms and other channels")
    channels = channels.add_subparsers(metavar="WHAT", required=True)
    one = _add(channels, "add", "make a channel and test its settings; what is missing or does not fit is told")
    one.add_argument("kind", help="email, web_form or another installed connector")
    one.add_argument("name", help='as on the board, such as "E-mail info@"')
    one.add_argument("--set", action="append", default=[], dest="values", metavar="FIELD=VALUE",
                     help="a setting; FIELD=@FILE reads it from a file, which keeps secrets out of the history")
    one.add_argument("--mode", choices=("reading", "live", "paused"), default="reading",
                     help="reading: it reads along and sends nothing (default)")
    one.set_defaults(run=command.add_channel)
    one = _add(channels, "list", "all channels with their health")
    one.set_defaults(run=command.list_channels)
    for name, run, text in (("check", command.check_channel, "try a channel's settings step by step"),
                            ("pause", command.pause_channel, "stop reading and sending; nothing is lost"),
                            ("reread", command.reread_channel, "read again what could not be read, when that was "
                             "mended; safe to repeat")):
        one = _add(channels, name, text)
        one.add_argument("name", help="as `newsroom channel list` shows it")
        one.set_defaults(run=run)


def _mail(commands) -> None:
    mail = _add(commands, "mail", "mail in files").add_subparsers(metavar="WHAT", required=True)
    one = _add(mail, "show", "how mails are read, one JSON object a line; never stops at a bad one")
    one.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a mail as it came (.eml)")
    one.add_argument("--json", action="store_true", help="as JSON; the only form there is")
    one.set_defaults(run=command.show_mail)
    one = _add(mail, "import", "bring in old mail as closed history; safe to repeat")
    one.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="mail files, folders (also Maildir) or mbox")
    one.add_argument("--channel", required=True, metavar="NAME", help="the mailbox it belongs to")
    one.set_defaults(run=command.import_mail)


async def serve(settings: Settings, given: argparse.Namespace) -> None:
    """Run the given parts until told to stop."""
    async with app.database(settings) as ready, app.run(ready, *given.parts) as house:
        if given.parts[0]:
            async with house.database.transaction() as connection:
                path = "/" if await account.anybody(connection) else \
                    await link.make(connection, "start", None, datetime.now(UTC))
            print(f"Newsroom: {ready.address}{path}", flush=True)
        await _until_stopped(house)


async def demo(settings: Settings, given: argparse.Namespace) -> None:
    """Run Voorbeeldstad, in a database of its own."""
    tell = Progress("Voorbeeldstad, six weeks of messages")
    async with app.demo(settings, given.speed, tell, given.burst, given.reset) as (house, path):
        print(f"Voorbeeldstad: {house.settings.address}{path}", flush=True)
        await _until_stopped(house)


class Progress:
    """Prints how far something is, at each tenth."""

    def __init__(self, what: str):
        self._what, self._told = what, 0

    def __call__(self, share: float) -> None:
        if int(share * 10) > self._told:
            self._told = int(share * 10)
            print(f"{self._what}: {self._told * 10} %", flush=True)


async def migrate(settings: Settings, given: argparse.Namespace) -> None:
    """Apply what was not applied yet."""
    applied = await command.migrate(settings)
    print("\n".join(applied) if applied else "Up to date.")


async def _until_stopped(house: app.House) -> None:
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    waiting = asyncio.create_task(stopped.wait())
    await asyncio.wait({waiting, house.failed}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if house.failed.done():
        with contextlib.suppress(Exception):
            house.failed.result()
        raise command.Failed("a part of the program stopped; the lines above say which")


def _log_to_stderr(level: str) -> None:
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr), cache_logger_on_first_use=True)
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)  # it repeats what we log ourselves


if __name__ == "__main__":
    sys.exit(main())
