"""What one mail may cost to read, and the list in which reading it notes what was wrong.

Every limit cuts, notes a code and goes on: a mail over a limit is still shown, and its original is kept.
"""

MAIL_BYTES = 25_000_000  # the largest mail that is read whole; above it the text at its beginning is shown
TASTE_BYTES = 1_000_000  # how much of a larger mail is read for that
HEADER_BYTES = 200_000  # one header block, of the mail or of one part
HEADER_LINES = 1_000  # fields in one header block; the ones we need are still found after them
FIELD_BYTES = 10_000  # one field; References keeps its end, everything else its beginning
DEPTH = 20  # parts within parts
PARTS = 200
ENVELOPES = 4  # mails within mails that are opened to show their text
REFERENCES = 100  # ids, the nearest ones
ADDRESSES = 1_000  # in one field
SUBJECT_CHARACTERS = 1_000
NAME_CHARACTERS = 200  # of a person or a file
TEXT_CHARACTERS = 1_000_000
HTML_CHARACTERS = 2_000_000
LAID_OUT_CHARACTERS = 200_000  # HTML longer than this, or with more tags than the next, loses its table layout
LAID_OUT_TAGS = 3_000
LAID_OUT_DEPTH = 200  # libxml2 silently drops what is nested deeper than 256
BOUNCE_BYTES = 64_000  # how much of a mail is searched for the wordings of old mail servers
CALENDAR_CHARACTERS = 100_000
CALENDAR_EVENTS = 5


class Notes:
    """Problem codes in the order they were met, each once, and how many parts were opened."""

    __slots__ = ("_codes", "envelopes", "parts")

    def __init__(self) -> None:
        self._codes: dict[str, None] = {}
        self.parts = 0
        self.envelopes = 0

    def add(self, code: str) -> None:
        self._codes[code] = None

    def __contains__(self, code: str) -> bool:
        return code in self._codes

    def problems(self) -> tuple[str, ...]:
        return tuple(self._codes)
