"""Beheer, forms: made and changed without JavaScript, with every mistake at once; the house style can be read."""

from __future__ import annotations

import html
import re

import pytest

from newsroom import form, session, theme
from newsroom.form import QUESTION, Field, Form, Problem
from newsroom.settings import Settings
from newsroom.web import forms, profile, sign_in
from newsroom.web.public import form as public_form
from newsroom.web.visitor import cookie_name
from tests.house import add_account, add_channel, add_team
from tests.web.person import ORIGIN
from tests.web.site import START, site


@pytest.fixture
async def channel(db):
    return await add_channel(db, "Formulier", "", kind="web_form")


@pytest.fixture
async def client(db, channel):
    async with site(db, sign_in.routes, profile.routes, forms.routes, public_form.routes) as client:
        yield client


@pytest.fixture
async def admin(db, client):
    return await signed_in(db, client, "admin")


async def signed_in(db, client, role):
    """Headers of somebody with this role."""
    scope = await add_account(db, f"Bas {role}", role)
    async with db.transaction() as connection:
        token = await session.start(connection, scope.account_id, START, "127.0.0.1", "test")
    return {"Cookie": f"{cookie_name(Settings())}={token}", **ORIGIN}


class Editor:
    """The page of the editor: its fields, as a browser would send them."""

    def __init__(self, client, headers):
        self.client, self.headers, self.fields, self.text, self.status = client, headers, [], "", 0

    async def open(self, id=0):
        self.path = f"/beheer/formulieren/{id}"
        return await self._take(await self.client.get(self.path, headers=self.headers))

    async def press(self, button, **changes):
        kept = [(name, changes.pop(name, value)) for name, value in self.fields]
        data = [pair for pair in [*kept, *changes.items(), ("do", button)] if pair[1] is not None]
        return await self._take(await self.client.post(self.path, data=data, headers=self.headers))

    async def _take(self, response):
        self.text, self.status, self.path = await response.text(), response.status, response.url.path
        body = self.text.partition('class="stack former"')[2].partition("</form>")[0]
        self.fields = []
        for tag in re.finditer(r"<input ([^>]*)>|<textarea ([^>]*)>\n(.*?)</textarea>|<select ([^>]*)>(.*?)</select>",
                               body, re.DOTALL):
            about = tag[1] or tag[2] or tag[4]
            name = re.search(r'name="([^"]*)"', about)[1]
            if tag[1] and "checkbox" in about and "checked" not in about:
                continue
            value = re.search(r'value="([^"]*)"', about)[1] if tag[1] else tag[3] if tag[2] else \
                re.search(r'value="([^"]*)"[^>]* selected|$', tag[5])[1] or ""
            self.fields.append((name, html.unescape(value)))
        return self

    def labels(self):
        return [value for name, value in self.fields if re.fullmatch(r"f-\d+-label", name)]


@pytest.fixture
def editor(client, admin):
    return Editor(client, admin)


async def saved(db, id=1):
    async with db.connection() as connection:
        return await form.get(connection, id)


async def test_a_new_form_begins_with_the_usual_question_and_is_served(db, client, editor):
    await editor.open()
    assert [one.label for one in QUESTION.fields] == editor.labels()
    await editor.press("save", title="Stel uw vraag | Ask us", slug="vraag")
    assert 200 == editor.status and "Bewaard" in editor.text
    made = await saved(db)
    assert (QUESTION.fields, QUESTION.steps, QUESTION.help, 1) == (made.fields, made.steps, made.help, made.version)
    assert "Stel uw vraag" in await (await client.get("/formulier/vraag")).text()
    assert f'{client.make_url("/formulier/vraag").path}?kader=1" title="Stel uw vraag"' in html.unescape(editor.text)


async def test_questions_are_added_moved_and_removed_on_the_page_only(db, editor):
    await editor.open()
    await editor.press("save", title="Vraag", slug="vraag")
    before = editor.labels()
    await editor.press("down-0")
    assert [before[1], before[0], *before[2:]] == editor.labels()
    await editor.press("up-1")
    assert before == editor.labels()
    await editor.press("drop-2")
    assert [*before[:2], *before[3:]] == editor.labels()
    await editor.press("add")
    assert "" == editor.labels()[-1] and 'id="f-6" open' in editor.text
    for verb in ("up-0", "down-6", "drop-99", "nonsense", "up-x"):
        await editor.press(verb)
        assert 200 == editor.status and 7 == len(editor.labels())
    assert 1 == (await saved(db)).version  # nothing was saved meanwhile
    await editor.press("save", **{"f-6-label": "Wat is uw postcode?", "f-6-name": "", "f-6-type": "postcode"})
    assert 200 == editor.status, re.findall(r'<li><a href="#.*', editor.text)
    made = await saved(db)
    assert (2, "wat_is_uw_postcode", "postcode") == (made.version, made.fields[-1].name, made.fields[-1].type)


async def test_every_mistake_is_told_at_once_beside_its_field_and_nothing_is_saved(db, editor):
    await editor.open()
    await editor.press("save", title="", slug="Niet Goed", **{
        "f-0-options": "Een", "f-1-label": "", "f-1-max": "veel", "f-2-name": "1e", "f-6-name": "vraag",
        "f-4-required_if": "hoe=Per postduif"})
    assert 422 == editor.status and "los 8 dingen op" in editor.text
    links = re.findall(r'<a href="#([\w-]+)">', editor.text.partition('id="problems"')[2].partition("</ul>")[0])
    assert ["title", "slug", "f-0-options", "f-1-label", "f-1-max", "f-2-name", "f-4-required_if", "f-6-name"] == links
    for name in links:
        assert f'id="{name}"' in editor.text and f'id="{name}-problem"' in editor.text
    assert "Niet Goed" in editor.text and await saved(db) is None


async def test_an_address_is_used_once(db, editor):
    await editor.open()
    await editor.press("save", title="Een", slug="vraag")
    await editor.open()
    await editor.press("save", title="Twee", slug="vraag")
    assert 422 == editor.status and "al van een ander formulier" in editor.text


async def test_an_answer_can_have_a_team_a_label_and_a_priority(db, editor):
    team = await add_team(db, "Belastingen")
    async with db.transaction() as connection:
        label = await connection.fetchval("insert into label (name) values ('Bezwaar') returning id")
    await editor.open()
    await editor.press("save", title="Een", slug="vraag", labels=str(label), **{
        "r-0-3-team": str(team), "r-0-3-label": str(label), "r-0-3-priority": "3", "r-0-0-priority": "0"})
    made = await saved(db)
    assert {("Belastingen", team, (label,), 3), ("Paspoort en rijbewijs", None, (), 0)} == {
        (rule.answer, rule.team, rule.labels, rule.priority) for rule in made.rules}
    assert (label,) == made.labels
    await editor.press("save")  # what the page shows again is the same
    assert made.rules == (await saved(db)).rules


async def test_the_preview_shows_every_question_and_sends_nothing(db, client, editor, admin):
    await editor.open()
    await editor.press("save", title="Een", slug="vraag", published=None)
    page = await client.get("/beheer/formulieren/1/voorbeeld", headers=admin)
    text = await page.text()
    assert all(form.in_language(one.label, "nl") in text for one in QUESTION.fields) and "<form" not in text


async def test_the_log_tells_who_changed_a_form(db, editor):
    await editor.open()
    await editor.press("save", title="Een", slug="vraag")
    async with db.connection() as connection:
        row = await connection.fetchrow("select kind, account_id, data from audit where kind = 'setting_changed'")
    assert ("form", "vraag", "Een") == (row["data"]["what"], row["data"]["name"], row["data"]["after"]["title"])


@pytest.mark.parametrize("role", ["webcare", "chef_dag", "analyst"])
async def test_only_who_configures_may_come_here(db, client, role):
    headers = await signed_in(db, client, role)
    for path in ("", "/0", "/1/voorbeeld", "/huisstijl"):
        assert 403 == (await client.get("/beheer/formulieren" + path, headers=headers)).status
    assert 403 == (await client.post("/beheer/formulieren/0", data={"do": "save"}, headers=headers)).status


async def test_a_form_that_is_not_there(client, admin):
    assert 404 == (await client.get("/beheer/formulieren/99", headers=admin)).status


async def style(client, headers, **values):
    usual = {"header": "#0c3346", "action": "#0a5a75", "menu": "", "footer": ""}
    return await client.post("/beheer/formulieren/huisstijl", data=usual | values, headers=headers)


async def test_the_house_style_reaches_the_public_page(db, client, admin, editor):
    await editor.open()
    await editor.press("save", title="Een", slug="vraag")
    response = await style(client, admin, header="#5B2C83", action="#8a1538",
                           menu="Contact | Contact us https://www.voorbeeldstad.example/contact")
    assert 200 == response.status and "Bewaard" in await response.text()
    sheet = await (await client.get("/formulier/huisstijl.css")).text()
    assert "--house-header: #5b2c83;" in sheet and "--house-action: #8a1538;" in sheet


@pytest.mark.parametrize("values, wrong", [
    ({"action": "#ffcc00"}, "action"), ({"action": "red"}, "action"), ({"header": "#fff; } body {"}, "header"),
    ({"menu": "geen adres"}, "menu"), ({"footer": "Kwaad javascript:alert(1)"}, "footer"),
    ({"menu": "\n".join(["Een https://a.example"] * 7)}, "menu"), ({"privacy": "a\n" * 201}, "privacy"),
    ({"accessibility": "a" * 2001}, "accessibility")])
async def test_a_style_that_cannot_be_read_or_trusted_is_refused(db, client, admin, values, wrong):
    response = await style(client, admin, **values)
    assert 422 == response.status and f'<a href="#{wrong}">' in await response.text()
    async with db.connection() as connection:
        assert theme.Theme() == await theme.load(connection)


@pytest.mark.parametrize("path, name", [("/privacy", "Privacy"), ("/toegankelijkheid", "Toegankelijkheid"),
                                        ("/bezwaar-en-klacht", "Bezwaar en klacht")])
async def test_every_public_page_leads_to_the_statements(db, client, admin, editor, path, name):
    await editor.open()
    await editor.press("save", title="Een", slug="vraag")
    for address in ("/formulier/vraag", "/formulier/vraag?kader=1", path):
        assert f'href="{path}"' in await (await client.get(address)).text()
    dutch = await (await client.get(path)).text()
    assert f"<h1 class=\"utrecht-heading-1\">{name}</h1>" in dutch and "Voorbeeldstad" in dutch
    assert f'href="{path}?taal=en"' in await (await client.get("/formulier/vraag?taal=en")).text()


async def test_a_municipality_has_a_statement_of_its_own(db, client, admin):
    response = await style(client, admin, privacy="# Kort | In short\nWij wissen alles. | We erase all. <b>\n"
                           "Lees meer https://www.voorbeeldstad.example/privacy")
    assert 200 == response.status
    dutch, english = [await (await client.get(f"/privacy{query}")).text() for query in ("", "?taal=en")]
    assert '<h2 class="utrecht-heading-2">Kort</h2>' in dutch and "<p>Wij wissen alles.</p>" in dutch
    assert '<p><a href="https://www.voorbeeldstad.example/privacy">Lees meer</a></p>' in dutch
    assert "<p>We erase all. &lt;b&gt;</p>" in english and "BSN" not in english


@pytest.mark.parametrize("action", ["#0a5a75", "#8a1538", "#000000", "#5b2c83", "#00637a", "#b00000"])
def test_colours_keep_their_contrast_in_both_schemes(action):
    wanted = theme.Theme(action=action)
    assert {} == theme.check(wanted)
    light, dark = theme.light(wanted), theme.dark(wanted)
    for text, ground in ((light.link, theme.PAGE), (light.action_ink, light.action), (light.header_ink, light.header),
                         (light.action_ink, light.action_hover), (dark.link, theme.DARK_PAGE),
                         (dark.action_ink, dark.action), (dark.header_ink, dark.header),
                         (dark.action_ink, dark.action_hover)):
        assert theme.contrast(text, ground) >= theme.TEXT_CONTRAST


def test_the_usual_form_is_right_and_empty_ones_are_not():
    assert [] == form.check(QUESTION) or [Problem("channel", "forms.wrong.channel")] == form.check(QUESTION)
    assert {"title", "slug", "steps", "fields"} == {one.part for one in form.check(Form())}
    two = Form(slug="a", title="A", steps=("Een", "Twee"), fields=(Field("a", "A"),))
    assert ["forms.wrong.empty_step"] == [one.key for one in form.check(two)]
