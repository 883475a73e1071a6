"""Voorbeeldstad: an invented municipality of 120,000 inhabitants, to try Newsroom with.

Its messages are raw deliveries that take the same road as real ones; what colleagues did with them went through the
same verbs. Texts are in content/, people and channels in town.toml. Nothing is ever really sent.
"""

from __future__ import annotations

from newsroom.demo.doors import Doors
from newsroom.demo.living import Living, peaks
from newsroom.demo.loading import Loaded, load
from newsroom.demo.site import Site
from newsroom.demo.stand_in import demo_kinds
from newsroom.demo.town import PASSWORD

__all__ = ["PASSWORD", "Doors", "Living", "Loaded", "Site", "demo_kinds", "load", "peaks"]
