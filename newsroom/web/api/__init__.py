"""The API for programs, `/api/v1`, by the NL API Design Rules: typed models in, the document and the checks out.

A handler takes a `Call` and returns a model; `frame.py` does what all of them share.
"""

from __future__ import annotations

from newsroom.api_token import Tokens
from newsroom.web.api import channels, contacts, conversations, deliveries, document, events
from newsroom.web.api.frame import OPERATIONS, TOKENS
from newsroom.web.keys import DATABASE
from newsroom.web.routes import Routes


def routes(add: Routes) -> None:
    """Every address below /api/v1."""
    add.app[OPERATIONS], add.app[TOKENS] = {}, Tokens(add.app[DATABASE])
    for part in (conversations, contacts, channels, events, deliveries, document):
        part.routes(add)
