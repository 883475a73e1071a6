"""XOAUTH2 for IMAP (Dovecot asks the token server about every token) and for SMTP."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from connectors import Secret, SignInNeeded, TryLater
from connectors.email import Email, oauth
from connectors.email.oauth import Tokens
from tests.connectors.email.conftest import Reader, mail, reply

pytestmark = pytest.mark.dovecot


@pytest.fixture
def with_token(settings, token_server, address, mail_server):
    """Settings that sign in with a token, and the grant behind them."""
    def make(method: str = "microsoft", **how):
        grant = token_server.grant(address, **how)
        return grant, settings(
            sign_in=method, tenant="voorbeeldstad", client_id=grant.client_id, imap_password=Secret(""),
            client_secret=Secret(grant.client_secret), refresh_token=Secret(grant.refresh_token),
            token_url=token_server.url, smtp_port=mail_server.port)
    return make


async def test_one_token_reads_and_sends(dovecot, with_token, address, mail_server):
    grant, settings = with_token()
    dovecot.deliver(address, mail(1))
    email = Email(settings)
    reader = Reader(email)
    await reader.begin()
    await email.send(reply())
    assert ([address], 1) == (mail_server.logins, len(mail_server.mails))
    assert 1 == len(grant.given)
    assert "IMAP.AccessAsUser.All" in grant.scopes[0] and "offline_access" in grant.scopes[0]


async def test_an_application_may_be_given_the_mailbox_itself(with_token, token_server):
    grant, settings = with_token()
    await Reader(Email(replace(settings, refresh_token=Secret("")))).begin()
    assert ["https://outlook.office365.com/.default"] == grant.scopes


async def test_google_is_asked_without_scopes(with_token):
    grant, settings = with_token("google")
    await Reader(Email(settings)).begin()
    assert [""] == grant.scopes


async def test_a_token_that_ended_early_is_renewed_for_imap(with_token):
    grant, settings = with_token()
    email = Email(settings)
    await Reader(email).begin()
    grant.expire()
    await Reader(email).begin()
    assert 2 == len(grant.given)


async def test_a_token_that_ended_early_is_renewed_for_smtp(with_token, mail_server):
    grant, settings = with_token()
    email = Email(settings)
    await email.send(reply())
    grant.expire()
    await email.send(reply())
    assert (2, 2) == (len(grant.given), len(mail_server.mails))


async def test_a_token_near_its_end_is_renewed_before_it_is_used(with_token, monkeypatch):
    monkeypatch.setattr(oauth, "monotonic", lambda: clock)
    clock = 1000.0
    grant, settings = with_token(expires_in=3600.0)
    tokens = Tokens(settings)
    first = await tokens.access()
    clock += 3600 - oauth.MARGIN_SECONDS - 1
    assert first == await tokens.access()
    clock += 2
    assert first != await tokens.access()


async def test_a_rotated_refresh_token_is_handed_to_the_house(with_token):
    grant, settings = with_token(rotates=True)
    email, kept = Email(settings), []

    async def keep(field: str, secret: Secret) -> None:
        kept.append((field, secret.reveal()))

    email.on_new_secret = keep
    reader = Reader(email)
    await reader.begin()
    assert [("refresh_token", grant.refresh_token)] == kept
    assert grant.refresh_token not in str(reader.cursor) + repr(email.settings)
    grant.expire()
    await email.send(reply())
    assert [("refresh_token", grant.refresh_token)] == kept[1:]


async def test_a_rotated_token_that_could_not_be_kept_is_offered_again(with_token):
    grant, settings = with_token(rotates=True)
    kept = []

    async def keep(field: str, secret: Secret) -> None:
        kept.append(secret.reveal())
        if len(kept) == 1:
            raise ConnectionError("database weg")

    tokens = Tokens(settings, keep)
    with pytest.raises(ConnectionError):
        await tokens.access()
    await tokens.access()
    assert [grant.refresh_token] * 2 == kept
    assert 1 == len(grant.given)


async def test_two_who_need_a_token_at_once_renew_it_once(with_token):
    grant, settings = with_token(rotates=True)
    tokens = Tokens(settings)
    assert 1 == len(set(await asyncio.gather(*(tokens.access() for _ in range(5)))))
    assert 1 == len(grant.given)


@pytest.mark.parametrize("method, advice", [("microsoft", "Microsoft Entra"), ("google", "In productie")])
async def test_a_withdrawn_consent_says_what_to_do(with_token, method, advice):
    grant, settings = with_token(method, refuses="invalid_grant")
    email = Email(settings)
    for act in (Reader(email).begin(), email.send(reply())):
        with pytest.raises(SignInNeeded, match=advice) as told:
            await act
        assert "invalid_grant. XX-1: invalid_grant meer" in str(told.value)


async def test_a_client_secret_that_ended_needs_an_administrator(with_token):
    grant, settings = with_token()
    with pytest.raises(SignInNeeded, match="invalid_client"):
        await Tokens(replace(settings, client_secret=Secret("oud"))).access()


async def test_a_busy_token_server_is_asked_later(with_token):
    grant, settings = with_token(status=503)
    with pytest.raises(TryLater) as told:
        await Reader(Email(settings)).begin()
    assert 7.0 == told.value.after


async def test_a_token_server_that_is_not_there_is_asked_later(with_token):
    _, settings = with_token()
    with pytest.raises(TryLater, match="antwoordt niet"):
        await Tokens(replace(settings, token_url="http://127.0.0.1:1/token")).access()


async def test_a_token_goes_over_https_or_stays_on_this_computer(with_token):
    _, settings = with_token()
    with pytest.raises(SignInNeeded, match="https"):
        await Tokens(replace(settings, token_url="http://tokens.voorbeeldstad.example/")).access()
    with pytest.raises(SignInNeeded, match="tenant"):
        await Tokens(replace(settings, token_url="", tenant="")).access()


async def test_a_mailbox_that_was_taken_from_us_needs_an_administrator(with_token, token_server):
    grant, settings = with_token()
    grant.address = "iemand-anders@voorbeeldstad.example"
    with pytest.raises(SignInNeeded, match="weigert de aanmelding"):
        await Reader(Email(settings)).begin()
    with pytest.raises(SignInNeeded, match="535"):
        await Email(settings).send(reply())


async def test_a_connection_that_breaks_signs_in_with_a_new_token(dovecot, with_token, address, proxy):
    """The token ended while we were connected: the next connection needs another."""
    grant, settings = with_token()
    email = Email(replace(settings, imap_port=proxy.port, imap_security="none", start_days=7))
    dovecot.deliver(address, *(mail(number, "abc " * 5000) for number in range(4)))
    proxy.cut_after = 30_000
    found = []
    async with asyncio.timeout(20), aclosing(email.listen({})) as batches:
        async for batch in batches:
            grant.expire()
            found += batch.deliveries
            if len(found) >= 4:
                break
    assert 4 == len({one.key for one in found})
    assert (1, 2) == (proxy.cuts, len(grant.given))
