"""Who may use which page, written out by hand: the tests compare it with the routes, and try every line.

A new route needs its line here, and a reason to stand where it stands.
"""

from __future__ import annotations

# permission: the roles that have it
MAY = {
    "read": {"webcare", "chef_dag", "content_director", "supervisor"},
    "work": {"webcare", "chef_dag", "supervisor"},
    "triage": {"chef_dag", "supervisor"},
    "seal": {"chef_dag", "supervisor"},
    "steer": {"chef_dag", "content_director", "supervisor"},
    "configure": {"admin"},
    "log": {"admin", "supervisor"},
    "figures": {"analyst", "supervisor", "content_director", "chef_dag"},
    "roster": {"webcare", "chef_dag", "content_director", "supervisor", "admin"},
    "plan": {"chef_dag", "supervisor", "admin"},
    "signed_in": {"webcare", "chef_dag", "content_director", "supervisor", "analyst", "admin", "nobody"},
}
OPEN = ("public", "machine")  # everybody; a machine's own token or signature is checked by its handler

MATRIX = {
    "public": """
        GET /static/{version}/{name}
        GET /health
        GET /inloggen
        POST /inloggen
        GET /start/{token}
        POST /start/{token}
        GET /uitnodiging/{token}
        POST /uitnodiging/{token}
        GET /wachtwoord
        POST /wachtwoord
        GET /wachtwoord/{token}
        POST /wachtwoord/{token}
        GET /formulier/huisstijl.css
        GET /privacy
        GET /toegankelijkheid
        GET /bezwaar-en-klacht
        GET /formulier/{slug}
        POST /formulier/{slug}
        GET /chat.js
        GET /chat/{channel}
        GET /chat/{channel}/stand
        GET /chat/{channel}/live
        GET /chat/{channel}/bestand/{file}
        POST /chat/{channel}/begin
        POST /chat/{channel}/regel
        POST /chat/{channel}/bericht
        POST /chat/{channel}/wie
        POST /chat/{channel}/afschrift
        POST /chat/{channel}/einde
    """,
    "signed_in": """
        GET /live
        GET /
        POST /uitloggen
        GET /profiel
        POST /profiel
        POST /profiel/dichtheid
        POST /profiel/wachtwoord
        POST /profiel/sessies
        POST /profiel/sessies/{id}
    """,
    "configure": """
        GET /beheer/gebruikers
        POST /beheer/gebruikers
        GET /beheer/gebruikers/nieuw
        POST /beheer/gebruikers/rolnamen
        GET /beheer/gebruikers/{id}
        POST /beheer/gebruikers/{id}
        POST /beheer/gebruikers/{id}/link
        POST /beheer/gebruikers/{id}/afsluiten
        POST /beheer/gebruikers/{id}/openen
        GET /beheer/kanalen
        GET /beheer/kanalen/nieuw/{kind}
        POST /beheer/kanalen/nieuw/{kind}
        GET /beheer/kanalen/{id}
        POST /beheer/kanalen/{id}
        POST /beheer/kanalen/{id}/test
        POST /beheer/kanalen/{id}/archief
        GET /beheer/kanalen/{id}/chat
        GET /beheer/kanalen/{id}/chat/voorbeeld
        GET /beheer/teams
        GET /beheer/teams/nieuw
        POST /beheer/teams/nieuw
        GET /beheer/teams/{id}
        POST /beheer/teams/{id}
        POST /beheer/teams/{id}/archief
        GET /beheer/standaardantwoorden
        GET /beheer/standaardantwoorden/nieuw
        POST /beheer/standaardantwoorden/nieuw
        GET /beheer/standaardantwoorden/{id}
        POST /beheer/standaardantwoorden/{id}
        POST /beheer/standaardantwoorden/{id}/archief
        GET /beheer/labels
        GET /beheer/labels/nieuw
        POST /beheer/labels/nieuw
        GET /beheer/labels/{id}
        POST /beheer/labels/{id}
        POST /beheer/labels/{id}/archief
        GET /beheer/afrondredenen
        GET /beheer/afrondredenen/nieuw
        POST /beheer/afrondredenen/nieuw
        GET /beheer/afrondredenen/{id}
        POST /beheer/afrondredenen/{id}
        POST /beheer/afrondredenen/{id}/archief
        GET /beheer/openingstijden
        GET /beheer/openingstijden/nieuw
        POST /beheer/openingstijden/nieuw
        GET /beheer/openingstijden/{id}
        POST /beheer/openingstijden/{id}
        POST /beheer/openingstijden/{id}/verwijder
        GET /beheer/sluitingsdagen
        POST /beheer/sluitingsdagen
        POST /beheer/sluitingsdagen/feestdagen
        POST /beheer/sluitingsdagen/verwijder
        GET /beheer/formulieren
        GET /beheer/formulieren/huisstijl
        POST /beheer/formulieren/huisstijl
        GET /beheer/formulieren/{id}
        POST /beheer/formulieren/{id}
        GET /beheer/formulieren/{id}/voorbeeld
        GET /beheer/tokens
        POST /beheer/tokens
        POST /beheer/tokens/{id}/intrekken
        GET /beheer/webhooks
        POST /beheer/webhooks
        POST /beheer/webhooks/{id}/hervat
        POST /beheer/webhooks/{id}/verwijder
        GET /beheer/doelen
        GET /beheer/doelen/{id}
        POST /beheer/doelen/{id}
    """,
    "read": """
        GET /bord
        GET /bord/nog
        GET /bord/stand
        GET /bord/werklast
        GET /dienst/stand
        POST /bord/weergaven
        POST /bord/weergaven/{id}
        GET /werk
        GET /spam
        GET /zoek
        POST /zoek/bewaard
        GET /gesprek/{reference}
        POST /gesprek/{reference}/adres
        GET /gesprek/{reference}/opmaak/{message}
        GET /gesprek/{reference}/opmaak/{message}/met-plaatjes
        GET /gesprek/{reference}/opmaak/{message}/deel/{content_id}
        GET /gesprek/{reference}/bijlage/{file}
        GET /gesprek/{reference}/origineel/{message}
        POST /acties
        GET /kanalen
        GET /kanalen/stand
    """,
    "work": """
        POST /bord/volgende
        GET /invoer
        POST /invoer
        GET /invoer/contacten
        POST /gesprek/{reference}/antwoord
        GET /gesprek/{reference}/standaardantwoorden
        POST /gesprek/{reference}/notitie
        POST /gesprek/{reference}/concept
        POST /gesprek/{reference}/annuleer
        POST /gesprek/{reference}/opnieuw
        POST /gesprek/{reference}/aangekomen
    """,
    "steer": """
        POST /kanalen/{id}/opnieuw
        POST /kanalen/{id}/versturen
        GET /kanalen/{id}/openstelling
        POST /kanalen/{id}/openstelling
        POST /kanalen/{id}/openstelling/verwijder
    """,
    "roster": """
        GET /dienst
    """,
    "plan": """
        POST /dienst
    """,
    "triage": """
        POST /dienst/chef
        POST /wachtrij/norm
        POST /wachtrij/vrij
        GET /wachtrij/lijst
        GET /wachtrij/lijst.csv
        GET /wachtrij/herverdeel
        POST /wachtrij/herverdeel
        POST /wachtrij/herverdeel/terug
    """,
    "figures": """
        GET /wachtrij
        GET /wachtrij/cijfers.csv
    """,
    "log": """
        GET /beheer/logboek
        GET /beheer
    """,
    "machine": """
        GET /api/v1/openapi.json
        GET /api/v1/gesprekken
        GET /api/v1/gesprekken/{reference}
        GET /api/v1/gesprekken/{reference}/berichten
        GET /api/v1/gesprekken/{reference}/bijlagen/{file}
        GET /api/v1/contacten
        GET /api/v1/contacten/{id}
        GET /api/v1/kanalen
        GET /api/v1/kanalen/{id}
        GET /api/v1/gebeurtenissen
        POST /api/v1/kanalen/{id}/leveringen
        GET /api/v1/kanalen/{id}/leveringen/{reference}
        POST /ontvangst/{id}
        POST /ontvangst/{id}/open-formulieren
    """,
}
ROWS = {tuple(line.split()): permission for permission, lines in MATRIX.items()
        for line in lines.strip().splitlines()}
