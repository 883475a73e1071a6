"""Every installed connector keeps the contract: a new one is in here without another line.

Its captured payloads stand in tests/connectors/<name>/.
"""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import connectors
from connectors import Connector, Incoming, captured
from connectors.contract import *  # noqa: F403 - each promise is a test
from newsroom.language import catalogue

NAMES = sorted(point.name for point in entry_points(group=connectors.ENTRY_POINTS))


@pytest.fixture(params=NAMES)
def kind(request) -> type[Connector]:
    point, = entry_points(group=connectors.ENTRY_POINTS, name=request.param)
    return point.load()


@pytest.fixture
def folder(kind) -> Path:
    return Path(__file__).parent / kind.name


def test_whatever_is_wrong_with_a_message_has_words(kind, folder):
    named = re.findall(r"`([a-z-]+)`", Incoming.__doc__.partition("`problems` are")[2])[1:]
    read = [item for delivery in captured.read(folder) for item in kind.parse(delivery)]
    found = {problem for item in read for problem in item.problems}
    assert {"unknown", "bsn-masked"} < set(named)
    assert [] == [code for code in sorted(found | set(named)) if f"problem.{code}" not in catalogue("nl")]


def test_it_is_found_under_its_own_name(kind, request):
    assert request.node.callspec.params["kind"] == kind.name and kind is connectors.connectors()[kind.name]
