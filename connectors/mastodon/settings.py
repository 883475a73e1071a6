"""What an administrator fills in for a Mastodon account, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from connectors import Secret, SignInNeeded, option

SCOPES = ("read", "write:statuses", "write:media")  # what we ask for; a broader one holds a narrower one


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One account on one server."""

    server: str = option("Het adres van de server, bijvoorbeeld https://social.overheid.nl.", label="Server",
                         group="Algemeen", required=True, leads=True)
    token: Secret = option("Maak bij Mastodon onder Voorkeuren, Ontwikkeling een toepassing met de rechten read, "
                           "write:statuses en write:media. Neem het toegangstoken hier over.", label="Toegangstoken",
                           group="Algemeen", default=Secret(""))
    public_replies: str = option("unlisted: iedereen kan het antwoord lezen, maar het staat niet in de openbare "
                                 "tijdlijnen. public: het staat daar wel in.", label="Openbare antwoorden",
                                 group="Versturen", default="unlisted", choices=("unlisted", "public"))
    start_days: int = option("0: alleen berichten vanaf nu. Anders komen ook de berichten van de laatste dagen mee, "
                             "als afgeronde geschiedenis.", label="Begin zoveel dagen terug", group="Ontvangen",
                             default=0)

    @property
    def base(self) -> str:
        """The server's address without a path: https://social.overheid.nl. Raises `SignInNeeded` for what is none."""
        text = self.server.strip()
        try:
            parts = urlsplit(text if "://" in text else f"https://{text}")
            port = f":{parts.port}" if parts.port else ""
        except ValueError:
            parts, port = None, ""
        if parts is None or parts.scheme not in ("https", "http") or not parts.hostname or parts.username is not None:
            raise SignInNeeded("Dit is geen adres van een server. Vul het in als https://social.overheid.nl.")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{host}{port}"

    @property
    def host(self) -> str:
        """The server's name with its port, as ids of posts carry it. Raises `SignInNeeded`."""
        return self.base.partition("://")[2]


def missing_scopes(given: list[str]) -> list[str]:
    """Which of the rights we need are not among those given: `read` holds `read:statuses`."""
    return [scope for scope in SCOPES if scope not in given and scope.partition(":")[0] not in given]
