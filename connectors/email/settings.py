"""What an administrator fills in for a mailbox, and what follows from it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from ipaddress import ip_address

from connectors import Secret, SignInNeeded, option

_IN, _OUT, _SIGN_IN, _MORE = "Ontvangen (IMAP)", "Versturen (SMTP)", "Aanmelden", "Meer"
_SECURITY = ("tls", "starttls", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One mailbox. Empty `smtp_user` and `smtp_password` mean: the same as for receiving."""

    address: str = option("Het adres van het postvak. Antwoorden gaan van dit adres uit.",
                          label="E-mailadres", group="Algemeen", required=True)
    display_name: str = option("De naam die inwoners bij het adres zien, bijvoorbeeld Gemeente Voorbeeldstad.",
                               label="Naam van de afzender", group="Algemeen", default="")

    imap_host: str = option("Bijvoorbeeld outlook.office365.com of imap.gmail.com.",
                            label="Server", group=_IN, required=True, leads=True)
    imap_port: int = option("Meestal 993 bij TLS en 143 bij STARTTLS.", label="Poort", group=_IN, default=993)
    imap_security: str = option("Zonder beveiliging mag alleen op deze computer zelf.", label="Beveiliging",
                                group=_IN, default="tls", choices=_SECURITY)
    imap_user: str = option("Leeg: het e-mailadres.", label="Gebruiker", group=_IN, default="")
    imap_password: Secret = option("Niet nodig bij aanmelden met Microsoft of Google.", label="Wachtwoord",
                                   group=_IN, default=Secret(""))
    inbox: str = option("De map waarin nieuwe berichten komen.", label="Map", group=_IN, default="INBOX")
    sent: str = option("De map met verstuurde berichten. Leeg: wij zoeken hem. Zo ziet u ook antwoorden die een "
                       "collega vanuit Outlook stuurt.", label="Map met verstuurde berichten", group=_IN, default="")
    start_days: int = option("0: alleen berichten vanaf nu. Anders komen ook de berichten van de laatste dagen mee, "
                             "als afgeronde geschiedenis.", label="Begin zoveel dagen terug", group=_IN, default=0)

    smtp_host: str = option("Bijvoorbeeld smtp.office365.com of smtp.gmail.com.",
                            label="Server", group=_OUT, required=True, leads=True)
    smtp_port: int = option("Meestal 587 bij STARTTLS en 465 bij TLS.", label="Poort", group=_OUT, default=587)
    smtp_security: str = option("Zonder beveiliging mag alleen op deze computer zelf.", label="Beveiliging",
                                group=_OUT, default="starttls", choices=_SECURITY)
    smtp_user: str = option("Leeg: dezelfde als bij ontvangen.", label="Gebruiker", group=_OUT, default="")
    smtp_password: Secret = option("Leeg: hetzelfde als bij ontvangen.", label="Wachtwoord", group=_OUT,
                                   default=Secret(""))

    sign_in: str = option("Met een wachtwoord, of met een toepassing bij Microsoft 365 of Google.",
                          label="Aanmelden met", group=_SIGN_IN, default="password",
                          choices=("password", "microsoft", "google"))
    tenant: str = option("Alleen bij Microsoft: de map-id (tenant-id) van de gemeente.", label="Tenant",
                         group=_SIGN_IN, default="")
    client_id: str = option("De id van de toepassing.", label="Toepassings-id (client-id)", group=_SIGN_IN,
                            default="")
    client_secret: Secret = option("Het geheim van de toepassing.", label="Clientgeheim", group=_SIGN_IN,
                                   default=Secret(""))
    refresh_token: Secret = option("Bij Google nodig. Bij Microsoft leeg als de toepassing zelf bij het postvak mag.",
                                   label="Vernieuwingstoken", group=_SIGN_IN, default=Secret(""))
    secret_until: str = option("De einddatum van het clientgeheim of wachtwoord, bijvoorbeeld 2027-11-30. Dan staat "
                               "bij Kanalen hoeveel dagen het nog geldig is.", label="Geheim geldig tot",
                               group=_SIGN_IN, default="")
    token_url: str = option("Leeg: het adres van Microsoft of Google.", label="Adres voor tokens", group=_SIGN_IN,
                            default="", leads=True)

    authserv_id: str = option("De naam die uw mailserver in Authentication-Results zet. Alleen die uitslag telt.",
                              label="Naam van de controlerende server", group=_MORE, default="")
    ca_file: str = option("Alleen bij een eigen certificaatautoriteit: het PEM-bestand op de server.",
                          label="Eigen CA-bestand", group=_MORE, default="")

    @property
    def imap_name(self) -> str:
        """Who signs in to receive."""
        return self.imap_user or self.address

    @property
    def secret_ends(self) -> datetime | None:
        """The beginning of the day on which the secret ends (UTC), or None when there is no such date."""
        try:
            return datetime.combine(date.fromisoformat(self.secret_until.strip()), time(), UTC)
        except ValueError:
            return None

    @property
    def smtp_name(self) -> str:
        """Who signs in to send."""
        return self.smtp_user or self.imap_name

    @property
    def domain(self) -> str:
        """The domain of the mailbox, in ASCII."""
        domain = self.address.rpartition("@")[2]
        return domain if domain.isascii() else domain.encode("idna").decode()


def tls(settings: Settings) -> ssl.SSLContext:
    """The system's authorities, and the municipality's own when it has one. Raises `SignInNeeded`."""
    context = ssl.create_default_context()
    if settings.ca_file:
        try:
            context.load_verify_locations(settings.ca_file)
        except (OSError, ssl.SSLError) as problem:
            raise SignInNeeded(f"Het CA-bestand {settings.ca_file} is niet te lezen: {problem}") from problem
    return context


def require_security(host: str, security: str) -> None:
    """Refuses to send a password in the clear over a network. Raises `SignInNeeded`."""
    if security not in _SECURITY:
        raise SignInNeeded(f"Onbekende beveiliging: {security}. Kies tls, starttls of none.")
    if security == "none" and not is_loopback(host):
        raise SignInNeeded(f"Zonder beveiliging verbinden met {host} mag niet. Kies TLS of STARTTLS.")


def is_loopback(host: str) -> bool:
    """Whether the host is this computer itself."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
