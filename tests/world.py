"""A world with every public page in it: campaigns in each state, signers, letters. For tests and the gallery."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.models import Campaign
from campaign.campaigns.operations import TextDraft, Writing, version_signed, write_text
from campaign.campaigns.people import set_photo
from campaign.campaigns.photos import encode
from campaign.config import Config
from campaign.db import db
from campaign.importing import import_campaign, read_campaign
from campaign.ledger.models import Change, LedgerEntry
from campaign.links import token_hash
from campaign.signing.counting.models import SignatureStatistics
from campaign.statements.cases import waiting_statements
from campaign.statements.operations import EndorsementDraft, add_endorsement, approve
from campaign.timeline.models import Status
from campaign.timeline.operations import UpdateDraft, add_update, publish, retract
from campaign.timeline.queries import published_update
from tests.letters_in import Letter, read
from tests.programs import ROOT
from tests.servers import SmtpSink, until
from tests.stack import SIGNER, Stack, campaign_file

DEMO = ROOT / "campaign" / "demo"
LONG_NAME = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschaferswessenschafe " + "Ñ" * 30
MILLIONS = 2_147_483


@dataclass(frozen=True)
class World:
    """A running installation, one in demo mode over the same database, and the address of each page by its name."""

    stack: Stack
    demo: Stack
    pages: dict[str, str]

    def address(self, name: str, locale: str) -> str:
        """The address of a page in a language."""
        return self.pages[name].format(locale=locale)


@contextmanager
def world_in(folder: Path, database_url: str) -> Iterator[World]:
    """Real campaigns, signers who came by the form, and every state that a page can be in; in `folder` there are keys.

    `database_url` is a migrated database in which nothing is.
    """
    with ExitStack() as exits:
        sink = exits.enter_context(SmtpSink())
        stack = exits.enter_context(Stack(folder, sink.url, database_url))
        demo = exits.enter_context(Stack(folder, sink.url, database_url, DEMO="yes"))
        add_campaigns(stack)
        stack.start_web()
        stack.start_worker()
        pages = campaign_pages() | signer_pages(stack, sink)
        pages = {name: stack.url + path for name, path in pages.items()} | letter_pages(demo, sink)
        demo.start_web()
        yield World(stack, demo, pages)


@contextmanager
def inside(stack: Stack) -> Iterator[None]:
    """The app in this process, over the same database; each command would take seconds."""
    with create_app(Config.read(stack.environ)).app_context():
        yield
        db.session.commit()
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


def add_campaigns(stack: Stack) -> None:
    """Import campaigns; in one an entry is corrected, and one is retracted; two have photos, one a crowd of signers."""
    files = DEMO / "release-amin.toml", DEMO / "karachi-eleven.toml", *odd_campaigns(stack.folder)
    with inside(stack):
        _amin, _karachi, eleven, crowd, three, *_rest = (
            import_campaign(read_campaign(file), clock.now()) for file in files
        )
        correct_and_retract(eleven)
        for campaign in (crowd, three):
            add_photos(campaign)
        let_millions_sign(crowd)
        change_text(crowd)
        endorse(crowd)


def correct_and_retract(campaign: Campaign) -> None:
    """An entry with a wrong day, the correction, and the retraction of the entry."""
    text = {"en": ("A hearing on the wrong day", "It is said to be on **Monday**.")}
    source = "https://news.example/" + "a-long-address/" * 6
    wrong = UpdateDraft("hearing", date(2024, 3, 4), text, [source, "A newspaper"])
    right = UpdateDraft("correction", date(2024, 3, 5), {"en": ("The right day", "Tuesday.")}, corrects=2)
    for draft in (wrong, right):
        publish(add_update(campaign, draft), clock.now(), is_told=False)
    taken = published_update(campaign.id, 2)
    assert taken is not None
    retract(taken, "The court has not set a day at all.", clock.now())


def add_photos(campaign: Campaign) -> None:
    """A photo of each person: nobody's, drawn here."""
    for number, person in enumerate(campaign.people):
        photo = encode(drawn_photo(("#8d6a4f", "#4f6d8d", "#6d8d4f")[number % 3]))
        set_photo(person, photo, {"en": "Looks into the camera", "ur": "کیمرے کی طرف دیکھ رہے ہیں"})


def drawn_photo(colour: str) -> bytes:
    """Head and shoulders before a wall, as a PNG."""
    image = Image.new("RGB", (960, 1200), colour)
    pen = ImageDraw.Draw(image)
    pen.ellipse((90, 780, 870, 1700), fill="#26303a")
    pen.ellipse((290, 240, 670, 760), fill="#c79a78")
    pen.chord((280, 190, 680, 640), 180, 360, fill="#1c1613")
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def let_millions_sign(campaign: Campaign) -> None:
    """The count and the countries of a campaign that the whole world signs; there are no rows for them."""
    now = clock.now()
    db.session.add(
        LedgerEntry(campaign_id=campaign.id, number=1, change=Change.ADDED, commitment=bytes(32), count=MILLIONS,
                    entered_at=now)
    )  # fmt: skip
    countries = {"PK": 1_200_000, "IN": 500_000, "GB": 247_480, "VC": 200_000, "BA": 3}
    counted = {"day": {}, "country": countries, "locale": {}, "source": {}, "state": {}}
    db.session.add(
        SignatureStatistics(campaign_id=campaign.id, stamp="1 0", breakdowns=counted, countries=5, counted_at=now)
    )


def change_text(campaign: Campaign) -> None:
    """One more language, and another version of a text that was signed."""
    arabic = TextDraft("الحرية للمعلم", "أُخذ ليلًا.", "لا أحد يقول أين هو.", ["أطلقوا سراحه."])
    write_text(campaign, "ar", arabic, Writing(None, clock.now()))
    version_signed(campaign, None, "en", clock.now())
    summary = "One was taken at night, and nobody says by whom."
    english = TextDraft("Release the teacher", summary, "Nobody says where he is.", ["Set him free."])
    write_text(campaign, "en", english, Writing(None, clock.now()))


def endorse(campaign: Campaign) -> None:
    """Organisations with much to say and with nothing."""
    said = {"en": "An injury to one is an injury to all. " * 6, "ur": "ایک کا دکھ سب کا دکھ ہے۔ " * 6}
    whole = EndorsementDraft(
        "International Federation of Teachers and of All Who Work in Schools", "PK", 1_204_000, "Ada Example",
        "General Secretary", False, said, "https://union.example/statement",
    )  # fmt: skip
    for draft in (whole, EndorsementDraft("Union 9"), EndorsementDraft("A school", "GB", 3, "Ali", is_personal=True)):
        add_endorsement(campaign.id, draft, clock.now())


def odd_campaigns(folder: Path) -> list[Path]:
    """Eleven people with a status each; one alone; three; one that ended, with a long title; nobody and nothing."""
    names = [
        "Ali",
        "Bisma",
        "Chand",
        "Dua",
        "Emad",
        "Farida",
        "Gul",
        "Hina",
        "Imran",
        "Javed",
        "Khalida Example-Example",
    ]
    eleven = campaign_file(folder, "eleven", names)
    changed = eleven.read_text("utf-8")
    for name, status in zip(names, (*Status, Status.RELEASED), strict=True):
        changed = changed.replace(f'"{name}" = "missing"', f'"{name}" = "{status}"')
    eleven.write_text(changed, "utf-8")
    crowd = campaign_file(folder, "crowd", ["Karim Example"])
    three = campaign_file(folder, "three", ["Ayesha Example", "Bilal Example-Example-Example", "Daud"])
    freed = three.read_text("utf-8").replace('"Daud" = "missing"', '"Daud" = "released"')
    three.write_text(freed.replace('"Ayesha Example" = "missing"', '"Ayesha Example" = "on_trial"'), "utf-8")
    ended = campaign_file(folder, "ended", state="ended")
    long = "Freedom for the peasants' leaders of Okara and for everybody who was taken with them"
    ended.write_text(ended.read_text("utf-8").replace("Release the test", long), "utf-8")
    empty = folder / "empty.toml"
    bare = 'title = "Empty"\nsummary = ""\nbody = ""\ndemands = []'
    empty.write_text(f'slug = "empty"\nstate = "open"\nlanguage = "en"\ngoal = 1\n[texts.en]\n{bare}\n', "utf-8")
    return [eleven, crowd, three, ended, empty]


def campaign_pages() -> dict[str, str]:
    """Pages that need nobody."""
    amin = "/{locale}/release-amin"
    return {
        "home": "/{locale}/",
        "open": f"{amin}/",
        "won": "/{locale}/karachi-eleven/",
        "eleven people": "/{locale}/eleven/",
        "millions, with a photo": "/{locale}/crowd/",
        "three people": "/{locale}/three/",
        "empty": "/{locale}/empty/",
        "ended": "/{locale}/ended/",
        "for programs": "/{locale}/api/",
        "sign": f"{amin}/sign",
        "sent": f"{amin}/sent",
        "link": f"{amin}/link",
        "follow": f"{amin}/follow",
        "signatures": f"{amin}/signatures/",
        "no signatures": "/{locale}/empty/signatures/",
        "signatures, nothing found": f"{amin}/signatures/?country=PK&organisation={LONG_NAME[:60]}",
        "countries": f"{amin}/countries/",
        "no countries": "/{locale}/empty/countries/",
        "countries of millions": "/{locale}/crowd/countries/",
        "ledger": f"{amin}/ledger/",
        "endorsements": "/{locale}/crowd/endorsements/",
        "no endorsements": f"{amin}/endorsements/",
        "endorse": f"{amin}/endorse",
        "versions": "/{locale}/crowd/text/",
        "version": "/{locale}/crowd/text/1/",
        "embed": f"{amin}/embed",
        "embed, won": "/{locale}/karachi-eleven/embed",
        "poster": f"{amin}/poster",
        "is it safe": "/{locale}/safety/",
        "statements": f"{amin}/statements/",
        "no statements": "/{locale}/empty/statements/",
        "timeline": f"{amin}/timeline/",
        "no timeline": "/{locale}/empty/timeline/",
        "timeline with corrections": "/{locale}/eleven/timeline/",
        "corrected and retracted": "/{locale}/eleven/timeline/2/",
        "correction": "/{locale}/eleven/timeline/3/",
        "expired, unknown": "/{locale}/confirm/not-a-link",
        "nothing there": "/{locale}/nothing-there/",
    }


def signer_pages(stack: Stack, sink: SmtpSink) -> dict[str, str]:
    """Pages behind the links of letters."""
    enter = partial(stack.sign_and_confirm, sink, slug="release-amin")
    words = "I teach people of Amin's age. " * 12
    spoken = place(stack, enter(email="words@example.org", name=LONG_NAME, statement=words).link("/confirm/"))
    enter(email="short@example.org", name="نادیہ قریشی", country="PK", locale="ur", statement="ہم آپ کے ساتھ ہیں۔")
    thanks = place(stack, enter().link("/confirm/"))
    approve_statements(stack, 2)
    gone = yours(stack, place(stack, enter(email="gone@example.org").link("/confirm/")))
    stack.post(gone.format(locale="en"), {"action": "erase"})
    pending, late = (unconfirmed(stack, sink, "sign", f"{name}@example.org") for name in ("pending", "late"))
    follower = unconfirmed(stack, sink, "follow", "follower@example.org")
    stopped = unconfirmed(stack, sink, "follow", "stopped@example.org")
    stack.confirm(stopped)
    following = yours(stack, place(stack, stopped.link("/confirm/")))
    stack.post(unsubscribe_place(stack, stopped).format(locale="en"))
    expire(stack, late)
    return {
        "confirm": place(stack, pending.link("/confirm/")),
        "confirm to follow": place(stack, follower.link("/confirm/")),
        "expired, known": place(stack, late.link("/confirm/")),
        "thanks": thanks,
        "say": f"{thanks}/statement",
        "received": f"{spoken}/statement",
        "yours": f"{yours(stack, thanks)}?saved=",
        "what one follows": following,
        "gone": gone,
        "unsubscribe": unsubscribe_place(stack, follower),
        "unsubscribed": unsubscribe_place(stack, stopped),
    }


def approve_statements(stack: Stack, count: int) -> None:
    """Publish what signers said, once the worker has opened it."""
    with inside(stack):
        until(lambda: db.session.rollback() or len(waiting_statements()) == count)
        for statement in waiting_statements():
            approve(statement, clock.now())


def letter_pages(demo: Stack, sink: SmtpSink) -> dict[str, str]:
    """The inbox of the demonstration, with a letter of each kind in it."""
    inbox = demo.instance / "inbox" / "new"
    inbox.mkdir(parents=True)
    for number, received in enumerate(sink.letters):
        (inbox / str(number)).write_bytes(received.content)
    return {
        "inbox": f"{demo.url}/inbox/",
        "letter": f"{demo.url}/inbox/0/",
        "home of the demonstration": f"{demo.url}/{{locale}}/",
        "sent in the demonstration": f"{demo.url}/{{locale}}/release-amin/sent",
    }


def place(stack: Stack, link: str) -> str:
    """The path of a link, in any language."""
    return re.sub(r"^/\w\w/", "/{locale}/", link.removeprefix(stack.url))


def yours(stack: Stack, thanks: str) -> str:
    """The path that the page of thanks leads to."""
    found = re.search(r'href="(/en/yours/[^"]+)"', stack.get(thanks.format(locale="en")).text)
    assert found is not None
    return place(stack, found[1])


def unconfirmed(stack: Stack, sink: SmtpSink, what: str, email: str) -> Letter:
    """The letter to somebody who asked for something and has not confirmed it."""
    stack.post(f"/en/release-amin/{what}", SIGNER | {"email": email})
    return read(sink.wait_for(1, to=email)[0].content)


def unsubscribe_place(stack: Stack, letter: Letter) -> str:
    """The path that ends the letters."""
    return place(stack, str(letter.headers["List-Unsubscribe"]).strip("<>"))


def expire(stack: Stack, letter: Letter) -> None:
    """Let a letter's link be too old."""
    hashed = token_hash(letter.link("/confirm/").rpartition("/")[2])
    with closing(sqlite3.connect(stack.instance / "campaign.sqlite", timeout=10)) as connection, connection:
        connection.execute(
            "UPDATE deliveries SET link_expires_at = '2020-01-01 00:00:00' WHERE link_hash = ?", [hashed]
        )
        assert connection.total_changes == 1


def send_nothing(page: Page) -> None:
    """Send the form of a page without what the browser itself would ask for."""
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.locator("main form button[type=submit]").first.click()
    expect(page.get_by_role("alert")).to_be_focused()
