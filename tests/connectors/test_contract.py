"""Every installed connector keeps the contract: a new one is in here without another line.

Its captured payloads stand in tests/connectors/<name>/.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

import connectors
from connectors import Connector
from connectors.contract import *  # noqa: F403 - each promise is a test

NAMES = sorted(point.name for point in entry_points(group=connectors.ENTRY_POINTS))


@pytest.fixture(params=NAMES)
def kind(request) -> type[Connector]:
    point, = entry_points(group=connectors.ENTRY_POINTS, name=request.param)
    return point.load()


@pytest.fixture
def folder(kind) -> Path:
    return Path(__file__).parent / kind.name


def test_it_is_found_under_its_own_name(kind, request):
    assert request.node.callspec.params["kind"] == kind.name and kind is connectors.connectors()[kind.name]
