"""Voorbeeldstad: an invented municipality of 120,000 inhabitants, to try Newsroom with.

Its messages are raw deliveries that take the same road as real ones; what colleagues did with them went through the
same verbs. Texts are in content/, people and channels in town.toml. Nothing is ever really sent.
"""

from __future__ import annotations

from newsroom.demo.loading import Loaded, load
from newsroom.demo.mailbox import demo_kinds
from newsroom.demo.stream import trickle

__all__ = ["Loaded", "demo_kinds", "load", "trickle"]
