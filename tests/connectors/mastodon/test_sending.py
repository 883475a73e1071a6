"""Replies to a real server: as what they arrive, once, and what becomes of those that do not."""

from __future__ import annotations

import pytest

from connectors import Attachment, Author, ExternalId, Outgoing, Refused, SignInNeeded, TryLater, Unknown
from connectors.mastodon import Mastodon
from tests.connectors.email.proxy import Proxy

pytestmark = [pytest.mark.mastodon, pytest.mark.slow]  # its server is installed first


def answer(us, anna, asked: dict, text: str = "Om vier uur.", **more) -> Outgoing:
    id = ExternalId(f"127.0.0.1:{us.server.port}/{asked['id']}")
    return Outgoing(**({"idempotency_key": "newsroom-7", "external_id": ExternalId("x.1@voorbeeldstad.example"),
                        "subject": "", "text": text, "public": True, "to": (Author("mastodon", anna.handle),),
                        "answers_to": id, "references": (id, ExternalId("x.0@voorbeeldstad.example"))} | more))


@pytest.fixture
async def asked(us, anna) -> dict:
    return await anna.post(f"@{us.name} Hoe laat?")


@pytest.fixture
async def connector(us):
    made = Mastodon(us.settings())
    yield made
    await made.close()


async def test_a_reply_stands_under_the_question_and_names_the_resident(us, anna, asked, connector):
    sent = await connector.send(answer(us, anna, asked))
    post, = await us.posts()
    assert sent.external_id == f"127.0.0.1:{us.server.port}/{post['id']}"
    assert (asked["id"], "unlisted", [anna.name]) == (
        post["in_reply_to_id"], post["visibility"], [one["username"] for one in post["mentions"]])
    assert f"<p>@{anna.name} Om vier uur.</p>" == post["content"]


async def test_private_is_only_for_who_is_named_and_a_warning_stands_before_it(us, anna, asked, connector):
    await connector.send(answer(us, anna, asked, f"Dag @{anna.name}, bel ons.", public=False, subject="Re: Brug"))
    post, = await us.posts()
    assert ("direct", "Re: Brug", f"<p>Dag @{anna.name}, bel ons.</p>") == (
        post["visibility"], post["spoiler_text"], post["content"])


async def test_files_go_along_with_their_description(us, anna, asked, connector):
    file = Attachment("kaart.png", "image/png", b"\x89PNG" + bytes(999), description="De omleiding")
    await connector.send(answer(us, anna, asked, attachments=(file,)))
    media, = (await us.posts())[0]["media_attachments"]
    assert "De omleiding" == media["description"]
    path = media["url"].partition(str(us.server.port))[2]
    assert "image" == media["type"] and path.endswith(".png")


async def test_the_same_reply_twice_is_one_post(us, anna, asked, connector):
    sent = [await connector.send(answer(us, anna, asked)) for _ in range(2)]
    assert sent[0].external_id == sent[1].external_id and 1 == len(await us.posts())
    other = await Mastodon(us.settings()).send(answer(us, anna, asked, external_id=ExternalId("x.2@elders.example")))
    assert other.external_id != sent[0].external_id


async def test_a_break_after_the_post_is_not_certain_and_trying_again_is_safe(us, anna, asked):
    proxy = Proxy(us.server.port)
    await proxy.start()
    connector = Mastodon(us.settings(port=proxy.port))
    await connector.learn()
    await connector._sign_in()
    proxy.cut_after = 1  # the server heard it, its answer does not come through
    reply = answer(us, anna, asked)
    with pytest.raises(Unknown):
        await connector.send(reply)
    proxy.cut_after = None
    await connector.send(reply)
    assert 1 == len(await us.posts())
    await connector.close()
    await proxy.stop()


@pytest.mark.parametrize(("status", "headers", "error", "after"), [
    (401, {}, SignInNeeded, None), (403, {}, SignInNeeded, None), (404, {}, Refused, None), (422, {}, Refused, None),
    (429, {"Retry_After": "90"}, TryLater, 90.0), (429, {"X_RateLimit_Reset": "2000-01-01T00:00:00Z"}, TryLater, 1.0),
    (500, {}, Unknown, None), (502, {}, Unknown, None), (503, {}, TryLater, 60.0)])
async def test_each_refusal_is_told_apart(us, anna, asked, connector, status, headers, error, after):
    await us.server.fail("/api/v1/statuses", status, 1, ("POST",), **headers)
    with pytest.raises(error) as raised:
        await connector.send(answer(us, anna, asked))
    assert after == getattr(raised.value, "after", None)
    assert us.token not in str(raised.value) and [] == await us.posts()


async def test_a_file_that_does_not_arrive_is_tried_again_and_nothing_is_posted(us, anna, asked, connector):
    await us.server.fail("/api/v2/media", 500, 1)
    with pytest.raises(TryLater):
        await connector.send(answer(us, anna, asked, attachments=(Attachment("k.png", "image/png", b"x"),)))
    assert [] == await us.posts()


async def test_what_is_too_long_or_for_nobody_is_refused(us, anna, asked, connector):
    with pytest.raises(Refused):
        await connector.send(answer(us, anna, asked, "x" * 600))
    with pytest.raises(Refused):
        await connector.send(answer(us, anna, asked, to=(Author("email", "anna@post.example"),)))


async def test_the_servers_own_limits_are_taken_over(us, connector):
    await connector.learn()
    assert (500, 23, 4) == (connector.capabilities.longest_text, connector.capabilities.link_length,
                            connector.capabilities.most_attachments)
    assert "image/png" in connector.capabilities.attachment_types


async def test_check_says_what_works(us, connector):
    steps = await connector.check()
    assert [] == [step for step in steps if not step.ok]
    assert any(us.name in step.detail for step in steps) and "500" in steps[-1].detail


async def test_check_says_what_is_wrong(us):
    await us.block()
    connector = Mastodon(us.settings())
    steps = await connector.check()
    await connector.close()
    await us.server.well()
    assert ["Server gevonden", "Niet ingelogd"] == [step.name for step in steps]
    assert "nieuw token" in steps[-1].problem and us.token not in f"{steps}"


async def test_a_missing_right_shows_before_it_bites(us):
    weak = await us.server.person("zwak", scopes="read:statuses write:media")
    connector = Mastodon(weak.settings())
    step = next(step for step in await connector.check() if "Rechten" in step.name)
    await connector.close()
    assert not step.ok and "read, write:statuses" in step.problem
