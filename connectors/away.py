"""What the contract suite puts in the place of a connector's server: nobody, or one who hangs up."""

from __future__ import annotations

import socket
import threading
import typing
from collections.abc import Iterator
from dataclasses import dataclass, fields

import pytest

from connectors import Connector, Secret, outbound

SECRET = "geheim-wachtwoord-0123456789"
HERE = ("127.0.0.1", b"127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a connector's settings lead: to nobody, or to one who hangs up as soon as we call."""

    port: int
    hangs_up: bool


def settings_of(kind: type[Connector], port: int = 1) -> typing.Any:
    """Settings with every field filled in: servers on this machine, one secret everywhere. An address is a field that
    `leads` or whose name ends in `url`; one that ends in `host` gets a host, one that ends in `port` the port."""
    hints = typing.get_type_hints(kind.Settings)
    values: dict[str, typing.Any] = {}
    for field in fields(kind.Settings):
        name, hint, about = field.name, hints[field.name], field.metadata
        if about["choices"]:
            continue
        if hint is Secret:
            values[name] = Secret(SECRET)
        elif hint is int and name.endswith("port"):
            values[name] = port
        elif hint is str and name.endswith("host"):
            values[name] = "127.0.0.1"
        elif hint is str and (about["leads"] or name.endswith("url")):
            values[name] = f"http://127.0.0.1:{port}"
        elif about["required"]:
            values[name] = {str: "info@voorbeeldstad.example", int: 1, bool: False}.get(hint, ("voorbeeldstad",))
    return kind.Settings(**values)


@pytest.fixture(name="source", params=["nobody", "hangs up"])
def in_its_place(request, monkeypatch) -> Iterator[Source]:
    """In the place of the server; no other name is found. This machine is permitted, as an administrator may."""
    monkeypatch.setattr(socket, "getaddrinfo", _only_here)
    monkeypatch.setattr(outbound, "_permitted", ())  # put back afterwards
    outbound.permit(["127.0.0.0/8"])
    with socket.socket() as here:
        here.bind(("127.0.0.1", 0))
        hangs_up = request.param == "hangs up"
        if hangs_up:
            here.listen()
            threading.Thread(target=_hang_up, args=(here,), daemon=True).start()
        yield Source(here.getsockname()[1], hangs_up)
        if hangs_up:
            here.shutdown(socket.SHUT_RDWR)  # the thread's accept ends


def _hang_up(here: socket.socket) -> None:
    try:
        while True:
            here.accept()[0].close()
    except OSError:
        return


_find = socket.getaddrinfo


def _only_here(host: typing.Any, *more: typing.Any, **named: typing.Any) -> typing.Any:
    if host in HERE:
        return _find(host, *more, **named)
    raise socket.gaierror(socket.EAI_NONAME, "no other name is found")
