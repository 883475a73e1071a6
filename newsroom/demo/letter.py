"""What somebody wrote or said, whatever the channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# what somebody chooses in the form; about anything else ELSE
TOPICS = {"afval": "Afval en straat", "straat": "Afval en straat", "paspoort": "Paspoort en rijbewijs",
          "verhuizen": "Verhuizen", "belastingen": "Belastingen", "parkeren": "Parkeren",
          "inkomen": "Werk, geld en zorg", "zorg": "Werk, geld en zorg"}
ELSE = "Iets anders"


@dataclass(frozen=True, slots=True)
class Answered:
    """Our reply that a letter answers. `references` are the ids before it, oldest first."""

    external_id: str
    at: datetime
    text: str
    references: tuple[str, ...] = ()
    public: bool = False


@dataclass(frozen=True, slots=True)
class Letter:
    """What somebody wrote or said. `address` is an e-mail address, a handle for who answers on Mastodon, or the visit
    of who chats; `phone` and `by` (who wrote it down) are for what comes in at the desk, `photo` is the name of a
    picture that goes along with a report, `topic` what was chosen in the form."""

    name: str
    address: str
    subject: str
    text: str
    answers: Answered | None = None
    phone: str = ""
    by: str = ""
    photo: str = ""
    topic: str = ""
