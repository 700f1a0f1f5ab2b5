"""The organizers' console in a real browser, against one running installation: whole ways, and every page of it."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyrage
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask, url_for
from flask.testing import FlaskClient
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.models import Campaign
from campaign.config import Config
from campaign.db import db
from campaign.importing import import_campaign, read_campaign
from campaign.opening import Keyring
from campaign.organizers.models import Role
from campaign.statements.operations import EndorsementDraft, add_endorsement
from tests.conftest import Client, Templates
from tests.letters_in import read
from tests.organizers_in import PASSWORD, Account, Organizers, code_of, token_in
from tests.servers import SmtpSink, until
from tests.stack import Stack, campaign_file
from tests.test_browser import AXE, AXE_OPTIONS, NARROW, PARTS, SAID, SPOKEN, WCAG, WIDE, Watch

OWNER = "first@organizers.example.org"


@dataclass
class House:
    """A running installation with organizers, and a browser that is signed in for any of them."""

    stack: Stack
    sink: SmtpSink
    app: Flask
    browser: Browser
    accounts: dict[str, Account] = field(default_factory=dict)

    @contextmanager
    def inside(self) -> Iterator[Organizers]:
        """The app in this process, over the same database."""
        with self.app.app_context():
            yield Organizers(self.app, Keyring.read(Config.read(self.stack.environ)))
            db.session.commit()
            db.session.remove()

    def campaign(self, slug: str) -> int:
        """One more open campaign; its number."""
        with self.inside():
            return import_campaign(read_campaign(campaign_file(self.stack.folder, slug)), clock.now()).id

    def organizer(self, username: str, role: Role, *campaign_ids: int) -> None:
        """One more organizer, who has been there for long."""
        with self.inside() as organizers:
            self.accounts[username] = organizers.add(username, role, *campaign_ids)

    @contextmanager
    def desk(self, username: str, **options: Any) -> Iterator[Page]:
        """A page of a browser in which this organizer has just signed in; `options` are a browser context's."""
        with closing(self.browser.new_context(**{"locale": "en-GB"} | options)) as context:
            context.add_cookies([{"name": "campaign", "value": self._session(username), "url": self.stack.url}])
            yield context.new_page()

    def _session(self, username: str) -> str:
        with self.inside() as organizers:
            client = organizers.client(self.accounts[username])
            cookie = client.get_cookie("campaign", domain=str(urlsplit(self.stack.url).hostname))
        assert cookie is not None
        return cookie.value

    def console(self, path: str) -> str:
        """The address of a page of the console."""
        return f"{self.stack.url}/console/{path}"

    def counts(self, slug: str, count: int) -> None:
        """Wait until the public page says so."""
        until(lambda: self.stack.count(slug) == count)


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, templates: Templates, keys_folder: Path, browser: Browser
) -> Iterator[House]:
    """One installation for all that happens here; each test has a campaign of its own."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(keys_folder, folder / "instance" / "keys")
    database_url = templates.copy("sqlite", folder / "instance", has_campaign=False)
    with ExitStack() as exits:
        sink = exits.enter_context(SmtpSink())
        stack = exits.enter_context(Stack(folder, sink.url, database_url))
        stack.start_web()
        stack.start_worker()
        house = House(stack, sink, create_app(Config.read(stack.environ)), browser)
        house.app.test_client_class = Client
        yield house
        with house.app.app_context():
            db.engine.dispose()
    assert "Traceback" not in stack.log("web"), stack.log("web")[-5000:]


def press(page: Page, name: str) -> None:
    """Press the button with this name."""
    page.get_by_role("button", name=name, exact=True).click()


def read_again_until(page: Page, sentence: str) -> None:
    """The page reads itself again until it says this."""
    expect(page.locator("main")).to_contain_text(sentence, timeout=20_000)


# From an invitation to a correction


def test_from_an_invitation_to_a_correction(house: House) -> None:
    """Invited, signed in with an authenticator; a campaign in two languages, opened; an update told and corrected."""
    house.stack.run("invite", OWNER)
    letter = read(house.sink.wait_for(1, to=OWNER)[0].content)
    with closing(house.browser.new_context(locale="en-GB", color_scheme="dark")) as context:
        watch = Watch((house.stack.url,)).over(context)
        page = context.new_page()
        accept(page, letter.link("/console/welcome/"))
        found(page)
        translate(page)
        open_it(page)
        tell_readers(house, page)
        correct(house, page)
        assert [said for said in watch.take() if "Blocked script execution" not in said] == []


def accept(page: Page, link: str) -> None:
    """Choose a name and a password, set up the authenticator, keep the recovery codes."""
    page.goto(link)
    page.get_by_label("Your name here").fill("Amina")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The password once more").fill(PASSWORD)
    press(page, "Begin")
    press(page, "I have one: show me the key")
    key = page.locator(".key code").inner_text()
    page.get_by_label("Six digits").fill(code_of(key.replace(" ", "").replace("-", "")))
    press(page, "That is it")
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    press(page, "Make new codes")
    codes = page.get_by_role("textbox", name="Recovery codes").input_value().splitlines()
    assert len(set(codes)) == 8
    page.get_by_role("link", name="Campaign", exact=True).click()


def found(page: Page) -> None:
    """A draft in English, with one person."""
    page.goto(re.sub("(https?://[^/]*).*", r"\1/console/", page.url))
    page.get_by_role("link", name="A new campaign").first.click()
    page.get_by_label("Title").fill("Free Sameer")
    page.get_by_label("Summary").fill("He was taken from his shop.")
    page.get_by_label("Text", exact=False).first.fill("He was taken from his shop.\n\nNobody says where he is.")
    page.get_by_label("Demands").fill("Set him free.\nSay where he is.")
    page.get_by_label("Name of the person").fill("Sameer Example")
    page.get_by_label("Taken on").fill("2024-01-02")
    press(page, "Make the draft")
    expect(page.get_by_role("status")).to_have_text(re.compile("The campaign is there, as a draft"))


def translate(page: Page) -> None:
    """Into Urdu, beside the original; the preview is the page itself."""
    page.get_by_role("link", name="Text", exact=True).click()
    page.get_by_role("link", name=re.compile("Translate اردو")).click()
    words = page.locator("form#text")
    words.get_by_label("Title").fill("سمیر کو رہا کرو")
    words.get_by_label("Summary").fill("اسے اس کی دکان سے اٹھا لیا گیا۔")
    words.locator("[name=body]").fill("کوئی نہیں بتاتا کہ وہ کہاں ہے۔")
    words.get_by_label("Demands").fill("اسے رہا کرو۔")
    press(page, "Show how it looks")
    preview = page.frame_locator("iframe[name^=preview]:not(.coming)")
    expect(preview.get_by_role("heading", level=1)).to_have_text("سمیر کو رہا کرو")
    press(page, "Save")
    expect(page.get_by_role("status").first).to_have_text("The text is saved.")


def open_it(page: Page) -> None:
    """From the overview."""
    page.get_by_role("link", name="Overview").click()
    page.locator("a[href$='/state/']").first.click()
    press(page, "Open the campaign")
    expect(page.get_by_role("status").first).to_have_text("The campaign is open: people can sign now.")


def tell_readers(house: House, page: Page) -> None:
    """Two readers; an update in both languages, looked at, published, watched with a script and without."""
    house.stack.sign_and_confirm(house.sink, slug="free-sameer", email="en@example.org")
    house.stack.sign_and_confirm(house.sink, slug="free-sameer", email="ur@example.org", locale="ur")
    page.get_by_role("link", name="Updates").click()
    press(page, "Write an update")
    write(page)
    press(page, "Save and look")
    look(page)
    page.get_by_role("link", name="Publish …").click()
    if urlsplit(page.url).path == "/console/verify":
        page.get_by_label("Password").fill(PASSWORD)
        press(page, "Go on")
    expect(page.get_by_text("Letters go to 2 readers.")).to_be_visible()
    held = hold_letters(house.sink)
    press(page, "Publish")
    expect(page.get_by_role("status").first).to_have_text("It is published. The letters are on their way.")
    watch_progress(house, page, held)


def write(page: Page) -> None:
    """What happened, to whom, when, how we know."""
    page.get_by_label("What happened").select_option("Change of status")
    page.get_by_label("On which day").fill("2024-03-04")
    page.get_by_label("Sameer Example").select_option("Detained")
    page.get_by_label("How we know").fill("https://news.example/sameer")
    page.get_by_label("Title in English").fill("He is in the city jail")
    page.get_by_label("Text in English").fill("His brother saw him.")
    page.get_by_label("Title in Urdu").fill("وہ جیل میں ہے")
    page.get_by_label("Text in Urdu").fill("اس کے بھائی نے اسے دیکھا۔")


def look(page: Page) -> None:
    """Entry and letter in each language, and who gets them."""
    expect(page.get_by_text("Nothing is missing.")).to_be_visible()
    expect(page.get_by_text("It will reach 2 readers")).to_be_visible()
    for language, title in (("English", "He is in the city jail"), ("Urdu", "وہ جیل میں ہے")):
        for frame in (f"On the timeline, {language}", f"The letter, {language}"):
            place = page.locator(f"iframe[title='{frame}']")
            place.scroll_into_view_if_needed()
            expect(place.content_frame.get_by_text(title).first).to_be_visible()


def hold_letters(sink: SmtpSink) -> list[bool]:
    """The relay says "later" to all, until the list is emptied."""
    held = [True]
    sink.reply_to_letter = lambda _received: "451 4.3.0 later" if held else "250 2.0.0 ok"
    return held


def watch_progress(house: House, page: Page, held: list[bool]) -> None:
    """The numbers move by themselves: read by a script, and, where there is none, with the page."""
    sent = page.locator(".figures div").filter(has=page.get_by_text("sent", exact=True)).locator("dd")
    expect(sent).to_have_text("0")
    cookies = page.context.cookies()
    with closing(house.browser.new_context(java_script_enabled=False)) as context:
        context.add_cookies([{"name": one["name"], "value": one["value"], "url": house.stack.url} for one in cookies])
        plain = context.new_page()
        plain.goto(page.url)
        expect(plain.locator("#progress")).to_contain_text("Sending")
        held.clear()
        with house.inside():
            retry_at_once()
        for shown in (page, plain):
            expect(shown.locator("#progress .tag").first).to_have_text("Sent", timeout=20_000)
    expect(sent).to_have_text("2")
    assert read(house.sink.wait_for(2, to="ur@example.org")[1].content).subject == "وہ جیل میں ہے"


def retry_at_once() -> None:
    """What was put off is due now; the worker would wait minutes."""
    from campaign.mailing.models import Delivery

    db.session.query(Delivery).where(Delivery.state == "due").update({"not_before": clock.now()})


def correct(house: House, page: Page) -> None:
    """In the open: the wrong entry stays, and leads to the right one."""
    press(page, "Correct it")
    expect(page.get_by_label("It corrects entry number")).to_have_value(re.compile("[0-9]"))
    page.get_by_label("On which day").fill("2024-03-05")
    page.get_by_label("How we know").fill("His lawyer, by phone")
    page.get_by_label("Title in English").fill("He is in the district jail")
    page.get_by_label("Text in English").fill("We had the wrong jail.")
    page.get_by_label("Title in Urdu").fill("وہ ضلعی جیل میں ہے")
    page.get_by_label("Text in Urdu").fill("ہم نے غلط جیل بتائی تھی۔")
    press(page, "Save and look")
    expect(page.get_by_text("Nothing is missing.")).to_be_visible()
    page.get_by_role("link", name="Publish …").click()
    press(page, "Publish")
    expect(page.get_by_role("status").first).to_have_text("It is published. The letters are on their way.")
    page.goto(f"{house.stack.url}/en/free-sameer/timeline/")
    expect(page.get_by_role("link", name="He is in the district jail").first).to_be_visible()
    expect(page.get_by_role("link", name="He is in the city jail").first).to_be_visible()


# On paper

LIST = """name;e-mail;country;day
Rosa Firma;rosa@paper.example;Spain;2026-01-31
Sin Correo;;Pakistan;
Nadie;;Nowhere at all;
Tercera;;PK;
"""


def test_paper(house: House, tmp_path: Path) -> None:
    """A list is uploaded, understood, tried, imported; what has no address stands beside the count."""
    house.organizer("Paola", Role.EDITOR, house.campaign("paper"))
    file = tmp_path / "list.csv"
    file.write_text(LIST, "utf-8")
    with house.desk("Paola") as page:
        page.goto(house.console(f"{number_of(house, 'paper')}/signatures/paper/"))
        page.get_by_label("The list, as CSV").set_input_files(file)
        press(page, "Go on")
        expect(page.get_by_label("E-mail")).to_have_value("1")
        press(page, "Try it")
        read_again_until(page, "This is how the import would go.")
        assert figures(page) == {
            "Get a letter to confirm": "1", "Counted on paper": "2", "Rows that are wrong": "1"
        }  # fmt: skip
        with page.expect_download() as download:
            page.get_by_role("link", name="The rows that are wrong, as a file").click()
        assert '"4","The country is missing or not known.' in download.value.path().read_text("utf-8-sig")
        press(page, "Import")
        read_again_until(page, "The list is imported.")
        assert figures(page)["Counted on paper"] == "2"
        house.sink.wait_for(1, to="rosa@paper.example")
        page.goto(f"{house.stack.url}/en/paper/")
        expect(page.locator("main")).to_contain_text("and 2 on paper")


def figures(page: Page) -> dict[str, str]:
    """The figures on a page, by their labels."""
    return {
        one.locator("dt").inner_text(): one.locator("dd").inner_text() for one in page.locator(".figures > div").all()
    }


def number_of(house: House, slug: str) -> int:
    """A campaign's number."""
    with house.inside():
        return db.session.query(Campaign).where(Campaign.slug == slug).one().id


# Invalidated and undone


def test_invalidated_and_undone(house: House) -> None:
    """Those of one domain are found, looked at, taken out with a reason, and come back; everybody can read it."""
    campaign_id = house.campaign("farmed")
    house.organizer("Ines", Role.OWNER, campaign_id)
    for name in ("a@farm.example", "b@farm.example", "honest@example.org"):
        house.stack.sign_and_confirm(house.sink, slug="farmed", email=name)
    house.counts("farmed", 3)
    with house.desk("Ines") as page:
        page.goto(house.console(f"{campaign_id}/signatures/invalidate/"))
        page.get_by_label("Address ends in").fill("farm.example")
        press(page, "See how many")
        read_again_until(page, "2 signatures would not count any more.")
        page.get_by_label("Forged: they never signed").check()
        page.get_by_label("The reason, in public").fill("Made by a machine.")
        press(page, "Invalidate them")
        expect(page.locator(".bar-of")).to_contain_text("2 of 2", timeout=20_000)
        house.counts("farmed", 1)
        shown = page.url
        page.get_by_role("link", name="As everybody sees it").click()
        expect(page.locator("main")).to_contain_text("Made by a machine.")
        page.goto(shown)
        page.get_by_role("link", name="Undo…").click()
        press(page, "Yes, undo it")
        expect(page.locator(".bar-of")).to_contain_text("2 of 2", timeout=20_000)
        house.counts("farmed", 3)
        page.get_by_role("link", name="As everybody sees it").click()
        page.reload()  # the browser keeps public pages for some seconds
        expect(page.locator("main")).to_contain_text("2 signatures count again.")


# Contacts, with a second approval


def test_contacts_with_a_second_organizer(house: House, tmp_path: Path) -> None:
    """The campaign wants two; one asks, the other gets a letter and agrees; the file opens with one key alone."""
    campaign_id = house.campaign("contacts")
    house.organizer("Sana", Role.OWNER, campaign_id)
    house.organizer("Omar", Role.OWNER, campaign_id)
    house.stack.sign_and_confirm(house.sink, slug="contacts", email="yes@example.org", may_contact="y")
    house.stack.sign_and_confirm(house.sink, slug="contacts", email="no@example.org")
    house.counts("contacts", 2)
    identity = pyrage.x25519.Identity.generate()
    contacts = house.console(f"{campaign_id}/delivery/contacts/")
    with house.desk("Sana") as asking, house.desk("Omar") as granting:
        asking.goto(house.console(f"{campaign_id}/settings/"))
        asking.get_by_label("Taking contacts out").check()
        press(asking, "Save")
        asking.goto(contacts)
        asking.get_by_label("Your age public key").fill(str(identity.to_public()))
        press(asking, "Ask for the export")
        letter = read(house.sink.wait_for(1, to="omar@organizers.example.org")[0].content)
        granting.goto(letter.link("/approvals/"))
        press(granting, "Grant it")
        expect(granting.get_by_role("status").first).to_have_text("Granted, and done.")
        file = take(asking, contacts)
    plain = pyrage.decrypt(file, [identity]).decode("utf-8-sig")
    assert "yes@example.org" in plain
    assert "no@example.org" not in plain
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(file, [pyrage.x25519.Identity.generate()])


def take(page: Page, contacts: str) -> bytes:
    """Wait for the file, take it; then it is gone."""
    page.goto(contacts)
    page.locator("section[aria-labelledby=asked] a").first.click()
    read_again_until(page, "The file is ready")
    with page.expect_download() as download:
        press(page, "Take the file")
    page.reload()
    expect(page.locator("main")).to_contain_text("has been deleted here")
    return download.value.path().read_bytes()


# Every page

FRAGMENTS = {"console.delivery_running", "console.signature_chart", "console.style_schemes", "console.update_progress"}
SIGNED_OUT = ("login", "forgot", "forgot/sent", "wan-signin")
OF_ONES_OWN = ("account", "change", "mf-recovery-codes", "tf-setup", "wan-register", "wan-verify", "verify")


@dataclass
class Desk:
    """Fills a campaign with one of each thing, as an owner does by the console's forms; collects the pages of them."""

    house: House
    client: FlaskClient
    at: str
    pages: list[str] = field(default_factory=list)

    def send(self, path: str, page: str | None = None, **typed: Any) -> str:
        """Send the form of a page; where that leads is one of the pages."""
        token = token_in(self.client.get(self.at + (path if page is None else page)).text)
        answer = self.client.post(self.at + path, data={"csrf_token": token, **typed})
        assert answer.status_code in (302, 303), f"{path}: {answer.status_code}\n{answer.text[-3000:]}"
        self.pages.append(urlsplit(answer.location).path)
        return self.pages[-1].removeprefix(self.at)

    def wait(self, path: str) -> None:
        """Until the page is read no more by itself."""

        def is_still() -> bool:
            answer = self.client.get(self.at + path)
            return "Refresh" not in answer.headers and 'http-equiv="refresh"' not in answer.text

        until(is_still)

    def fill(self) -> None:
        """One of each."""
        self.updates()
        self.texts_and_people()
        self.signatures()
        self.paper()
        self.delivery()
        # A list that was imported has no page of its columns any more, and a draft that was published none at all.
        self.pages = [page for page in self.pages if self.client.get(page, buffered=True).status_code not in (302, 303)]

    def updates(self) -> None:
        """A draft with and without words, one that is published, with what it corrects."""
        draft = self._draft()
        self.send(f"{draft}publish", revision=2, when="now", offset="0")
        self.send("updates/2/correct", page="updates/2/")
        draft = self._draft()
        self.pages.append(f"{self.at}{draft}publish")
        self.pages += [f"{self.at}updates/2/{rest}" for rest in ("retract", "stop")]

    def _draft(self) -> str:
        draft = self.send("updates/")
        typed: dict[str, Any] = {"revision": 1, "kind": "news", "occurred_on": "2024-03-04", "title_en": "A vigil " * 9}
        self.send(draft, body_en="On **Monday**.", sources="https://news.example/" + "long/" * 30, **typed)
        return draft

    def texts_and_people(self) -> None:
        """A translation that is older than the original, a photo, a target."""
        page = self.client.get(f"{self.at}text/en/").text
        seen = page.partition('name="seen"')[2].partition('value="')[2].partition('"')[0]
        self.send("text/en/", title="Release the test now", summary="One.", body="A long text. " * 30, seen=seen)
        self.pages += [f"{self.at}text/{code}/" for code in ("en", "ur")]
        picture = BytesIO()
        Image.new("RGB", (600, 600), (40, 60, 90)).save(picture, "JPEG")
        person, target = (
            re.findall(rf"/{kind}/\d+/", self.client.get(f"{self.at}people/").text)[0][1:]
            for kind in ("people", "targets")
        )
        self.send(f"{person}photo", page=person, photo=(BytesIO(picture.getvalue()), "one.jpg"), alt_en="A man smiles.")
        self.pages += [self.at + person, self.at + target]

    def signatures(self) -> None:
        """A search, a preview, an invalidation that has happened."""
        address: dict[str, Any] = {
            "by": "address",
            "address-address": "one@mill.example",
            "address": "one@mill.example",
        }
        self.wait(self.send("signatures/search/", **address))
        self.wait(self.send("signatures/invalidate/", domain="example.org"))
        preview = self.send("signatures/invalidate/", domain="mill.example")
        self.wait(preview)
        done = self.send(preview, kind="forged", reason="Made by a machine.")
        self.wait(done)
        self.pages += [f"{self.at}{done}undo"]

    def paper(self) -> None:
        """A list that is not understood yet, one that is tried, one that is imported."""
        self._list()
        said: dict[str, Any] = {"name": 0, "email": 1, "country": 2, "day": 3, "city": "-", "affiliation": "-"}
        said |= {"default_country": "", "locale": "en", "appear": "initials"}
        for is_imported in (False, True):
            batch = self.send(self._list(), **said)
            self.wait(batch)
            if is_imported:
                self.wait(self.send(f"{batch}import", page=batch))
                self.pages += [f"{self.at}{batch}undo"]

    def _list(self) -> str:
        return self.send("signatures/paper/", file=(BytesIO(LIST.encode()), "list.csv"))

    def delivery(self) -> None:
        """Dossiers, an export, and one that waits for a second organizer."""
        for locale in ("en", "ur"):
            self.send("delivery/", locale=locale, country="all", cover_letter="Dear all", has_names="y", statements=6)
        key = str(pyrage.x25519.Identity.generate().to_public())
        self.wait(self.send("delivery/contacts/", key=key))
        self.send("settings/", goal="100", second_for_export="y", second_for_status="y")
        self.send("delivery/contacts/", key=key)


@pytest.fixture(scope="module")
def pages(house: House) -> list[str]:
    """The path of every page: those of a full campaign, of an empty one, and of nobody's."""
    full, empty = house.campaign("full"), house.campaign("empty")
    house.organizer("Zoya", Role.OWNER, full, empty)
    house.organizer("Wolfeschlegelsteinhausenbergerdorff", Role.EDITOR, full)
    for name, words in (("one@mill.example", "Come home."), ("long@example.org", "We wait for you. " * 20)):
        house.stack.sign_and_confirm(house.sink, slug="full", email=name, name="Ñ" * 60, statement=words)
    house.counts("full", 2)
    with house.inside() as organizers:
        union = EndorsementDraft("Union of Nurses", "KE", 1200, "Wanjiru", "secretary", statement={"en": "Let him go."})
        add_endorsement(full, union, clock.now())
        desk = Desk(house, organizers.client(house.accounts["Zoya"]), f"/console/{full}/")
        desk.fill()
        for number in (full, empty):  # the first look at the numbers has them counted
            Desk(house, desk.client, f"/console/{number}/").wait("signatures/")
    found = [f"/console/{path}" for path in OF_ONES_OWN] + [*dict.fromkeys(desk.pages)]
    found += [path for number in (full, empty) for path in plain_pages(house.app, number)]
    return [*dict.fromkeys(found)]


def plain_pages(app: Flask, number: int) -> list[str]:
    """What needs no more than a campaign's number, by the app's own list of addresses."""
    found = []
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            is_page = rule.endpoint.startswith("console.") and "GET" in (rule.methods or ())
            if is_page and rule.arguments <= {"campaign_id"} and rule.endpoint not in FRAGMENTS:
                values: dict[str, Any] = {"campaign_id": number} if rule.arguments else {}
                found.append(urlsplit(url_for(rule.endpoint, **values)).path)
    return found


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("locale", SPOKEN)
def test_every_page(house: House, pages: list[str], locale: str, part: int) -> None:
    """No fault of access or layout, no request to anybody else, no complaint of the browser's."""
    signed_out = [f"/console/{path}" for path in SIGNED_OUT]
    with house.desk("Zoya", locale=SPOKEN[locale][0]) as page:
        found = walk(house, page, pages[part :: len(PARTS)], locale)
    with closing(house.browser.new_context(locale=SPOKEN[locale][0])) as context:
        found |= walk(house, context.new_page(), signed_out[part :: len(PARTS)], locale)
    wrong = [f"{path}: {fault}" for path, faults_of_page in found.items() for fault in faults_of_page]
    assert not wrong, "\n".join(wrong)


def walk(house: House, page: Page, paths: list[str], locale: str) -> dict[str, list[str]]:
    """Look at one page after the other; what is wrong with each."""
    watch = Watch((house.stack.url,)).over(page.context)
    found: dict[str, list[str]] = {}
    for path in paths:
        see(house, page, path, locale)
        found[path] = ill(page, locale) + complaints(watch)
    return found


def ill(page: Page, locale: str) -> list[str]:
    """What axe finds, in light and in dark, and whether a narrow screen or a wide one must be moved sideways.

    Colours speak no language, nor do most rules: they are asked in one.
    """
    anew = WCAG if locale == "en" else [*SAID, "target-size"]
    page.evaluate(AXE_SCRIPT)
    found: list[str] = []
    for size, scheme, rules in ((WIDE, "dark", ["color-contrast"]), (NARROW, "light", anew)):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        if scheme == "light" or locale == "en":
            found += page.evaluate(AXE, AXE_OPTIONS | {"runOnly": rules})
        width = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{width} px wide on a screen of {size['width']}"] if width > size["width"] else []
    return found


def see(house: House, page: Page, path: str, locale: str) -> None:
    """Open a page of the console in a language, and be there."""
    answer = page.goto(f"{house.stack.url}{path}?speak={locale}")
    assert answer is not None
    assert (answer.status, urlsplit(page.url).path) == (200, path)


def complaints(watch: Watch) -> list[str]:
    """What the browser says; that a preview runs no scripts is meant so."""
    return [said for said in watch.take() if "Blocked script execution" not in said]
