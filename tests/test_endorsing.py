"""Organisations endorse: sealed, confirmed by mail, approved, shown apart, taken back, forgotten."""

from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select, text

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.importing import import_campaign
from campaign.mailing.models import Delivery, Reader
from campaign.statements.forms import whole_number
from campaign.statements.models import Endorsement
from campaign.statements.operations import EndorsementDraft, add_endorsement, approve
from tests import test_state_machine
from tests.letters_in import Letter, read
from tests.test_state_machine import FACTS, World

world = test_state_machine.world

SLUG = "endorse-them"
PAGE = f"/en/{SLUG}/"
FORM = f"{PAGE}endorse"
SEE_OTHER, NOT_FOUND, GONE, UNPROCESSABLE = 303, 404, 410, 422
ADDRESS = "secretary@postal-union.example"
UNION = {
    "organisation": "Postal Workers’ Union",
    "country": "CA",
    "represents": "50,000",
    "speaker": "Rosa Example",
    "office": "General secretary",
    "capacity": "mandated",
    "email": ADDRESS,
    "statement": "An injury to one\nis an injury to <b>all</b>.",
}
PRIVATE = ("Postal", "50000", "Rosa", "secretary", "injury")

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


class Endorsing:
    """A campaign, and whoever endorses it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client: FlaskClient = world.client
        self.campaign: Campaign = import_campaign(FACTS | {"slug": SLUG}, clock.now())
        db.session.commit()

    def work(self) -> None:
        """Let the worker do all that there is to do."""
        db.session.commit()
        self.world.work()
        with self.world.worker.app.app_context():
            for name in ("endorsements", "forget", "letters"):
                self.world.worker.runs()[name]()

    def letters(self, address: str = ADDRESS) -> list[Letter]:
        """What came to an address."""
        return [read(sent.content) for sent in self.world.sink.letters if address in sent.recipients]

    def endorse(self, **typed: str) -> Letter:
        """Endorse; the letter that asks to confirm it."""
        answer = self.client.post(FORM, data=UNION | typed)
        assert (answer.status_code, answer.location) == (SEE_OTHER, f"{PAGE}sent")
        self.work()
        return self.letters(typed.get("email", ADDRESS))[-1]

    def confirm(self, **typed: str) -> Endorsement:
        """Endorse and confirm; what the moderators have then."""
        assert self.client.post(self.endorse(**typed).link("/confirm/")).status_code == SEE_OTHER
        self.work()
        newest = db.session.scalar(select(Endorsement).order_by(Endorsement.id.desc()).limit(1))
        assert newest is not None
        return newest

    def publish(self, **typed: str) -> Endorsement:
        """Endorse, confirm, approve."""
        endorsement = self.confirm(**typed)
        approve(endorsement, clock.now())
        db.session.commit()
        self.work()
        return endorsement

    def everywhere(self) -> str:
        """All that the public sees."""
        return "".join(self.client.get(path).text for path in (PAGE, f"{PAGE}endorsements/", f"{PAGE}statements/"))


@pytest.fixture
def house(world: World) -> Endorsing:
    """A campaign that can be endorsed."""
    return Endorsing(world)


def rows() -> str:
    """All that the database holds, as a thief would read it."""
    found = []
    for table in ("endorsements", "intake", "readers", "deliveries", "decisions"):
        found += [str(tuple(row)) for row in db.session.execute(text(f"SELECT * FROM {table}"))]  # noqa: S608
    db.session.rollback()
    return "\n".join(found)


def test_from_the_form_to_the_page(house: Endorsing) -> None:
    """Sealed until the letter is answered, then before the moderators, then on the page, then told."""
    letter = house.endorse()
    assert not any(word in rows() + letter.text + letter.html for word in (*PRIVATE, ADDRESS))
    assert "Postal" not in house.everywhere()
    link = letter.link("/confirm/")
    assert "has not changed anything yet" in house.client.get(link).text
    assert db.session.scalars(select(Endorsement.state)).one() == "unconfirmed"
    for _ in range(2):
        assert house.client.post(link).status_code == SEE_OTHER
    house.work()
    assert "has arrived" in house.client.get(link).text
    endorsement = db.session.scalars(select(Endorsement)).one()
    assert (endorsement.state, endorsement.proved_domain) == ("waiting", "postal-union.example")
    assert "Postal" not in house.everywhere()
    approve(endorsement, clock.now())
    db.session.commit()
    house.work()
    page = house.client.get(PAGE).text
    assert "1 organisation that speaks for 50,000 people" in page
    for words in ("Postal Workers’ Union", "Rosa Example", "General secretary", "on behalf of the organisation",
                  "&lt;b&gt;all&lt;/b&gt;", "Canada", "50,000 members"):  # fmt: skip
        assert words in page
    assert "postal-union.example" not in house.everywhere()
    assert [told.subject.partition(":")[0] for told in house.letters()] == [
        "Please confirm your endorsement",
        "Your endorsement is published",
    ]


@one_database
def test_the_answer_is_the_same_for_any_address(house: Endorsing) -> None:
    """One that is new, one that endorsed, one that is not confirmed: the same words, and nothing is looked up."""
    house.publish()
    house.endorse(email="other@union.example")
    answers = []
    for address in (ADDRESS, "other@union.example", "new@union.example"):
        answer = house.client.post(FORM, data=UNION | {"email": address})
        answers.append((answer.status_code, answer.data, sorted(answer.headers.items())))
    assert answers[0] == answers[1] == answers[2]
    assert house.client.post(FORM, data=UNION | {"website": "x"}).status_code == SEE_OTHER


@one_database
def test_what_is_missing_is_asked_for_and_what_was_typed_stays(house: Endorsing) -> None:
    """A kind sentence for each field; a campaign that is over takes no endorsement."""
    answer = house.client.post(FORM, data=UNION | {"country": "", "represents": "many", "capacity": "king"})
    assert answer.status_code == UNPROCESSABLE
    for words in ("Please choose the country.", "Please write a whole number", "Please choose for whom you speak.",
                  "Rosa Example", "is an injury to"):  # fmt: skip
        assert words in answer.text
    assert house.client.post(FORM, data=UNION | {"represents": "0"}).status_code == UNPROCESSABLE
    assert house.client.post(FORM, data=UNION | {"represents": "9" * 20}).status_code == UNPROCESSABLE
    assert house.client.post(FORM, data={}).status_code == UNPROCESSABLE
    house.campaign.state = "ended"
    assert house.client.get(FORM).status_code == 302
    assert "can endorse this" not in house.client.get(PAGE).text
    assert house.client.get("/en/no-such/endorse").status_code == NOT_FOUND


def test_numbers_as_people_write_them() -> None:
    """Separators and digits of any script."""
    assert [whole_number(typed) for typed in ("", "310,000", "1.200", "۳۱۰٬۰۰۰", "12 000", None)] == [
        None, 310000, 1200, 310000, 12000, None,
    ]  # fmt: skip
    for typed in ("-5", "1e5", "½", "many"):
        with pytest.raises(ValueError, match=r"."):
            whole_number(typed)


@one_database
def test_who_speaks_in_a_personal_capacity_speaks_for_no_member(house: Endorsing) -> None:
    """Shown as such, after the organisations, and not in the sum; imported ones are in it."""
    house.publish()
    house.publish(email="p@x.example", organisation="Big Union", capacity="personal", represents="900,000")
    add_endorsement(house.campaign.id, EndorsementDraft("Small Union", represents=10, source="a paper"), clock.now())
    page = house.client.get(PAGE).text
    assert "2 organisations that speak for 50,010 people" in page
    assert page.index("Postal Workers") < page.index("Small Union") < page.index("Big Union")
    assert "in a personal capacity" in page
    assert "900,000" not in page


@one_database
def test_more_than_twelve_stand_on_pages_of_their_own(house: Endorsing) -> None:
    """Each once, in the same order; made-up places harm nothing."""
    for number in range(40):
        draft = EndorsementDraft(f"Union {number:02}", represents=number % 7 or None, is_personal=number % 5 == 0)
        add_endorsement(house.campaign.id, draft, clock.now())
    page = house.client.get(PAGE).text
    assert page.count("<h3><bdi>Union") == 12
    assert "All organisations" in page
    first = house.client.get(f"{PAGE}endorsements/").text
    assert first.count("<h2><bdi>Union") == 30
    after = first.partition('rel="next" href="')[2].partition('"')[0]
    second = house.client.get(after).text
    assert all(f"<bdi>Union {number:02}</bdi>" in first + second for number in range(40))
    assert (first + second).count("<h2><bdi>Union") == 40
    for made_up in ("x", "1", "-1_2", "9999999999_1", "1_99999999999999999999"):
        assert house.client.get(f"{PAGE}endorsements/?after={made_up}").status_code == 200


@one_database
def test_links_fit_their_purpose_and_their_time(house: Endorsing) -> None:
    """An endorser's link confirms no following, a follower's no endorsement; an old one brings a new letter."""
    link = house.endorse().link("/confirm/")
    assert house.client.post(link.removesuffix("/endorsement")).status_code == NOT_FOUND
    house.client.post(f"{PAGE}follow", data={"email": "f@example.org", "news": "all"})
    house.work()
    follower = house.letters("f@example.org")[0].link("/confirm/")
    answer = house.client.post(f"{follower}/endorsement")
    assert answer.location == follower.removeprefix(house.client.application.config["PUBLIC_URL"])
    house.client.post(f"{PAGE}link", data={"email": ADDRESS})
    house.work()
    assert [letter.subject.partition(":")[0] for letter in house.letters()] == ["Please confirm your endorsement"] * 2
    with time_machine.travel(clock.now() + timedelta(hours=73)):
        assert house.client.post(link).status_code == GONE
        assert house.client.get(link).status_code == GONE
        assert house.client.post(f"{link}/again").status_code == SEE_OTHER
        house.work()
        assert house.client.post(house.letters()[-1].link("/confirm/")).status_code == SEE_OTHER
    assert db.session.scalars(select(Endorsement.state)).one() == "waiting"
    assert house.client.post("/en/confirm/nonsense/endorsement/again").status_code == NOT_FOUND


@one_database
def test_confirming_an_endorsement_asks_for_no_news(house: Endorsing) -> None:
    """Also when somebody else had asked for news to this address."""
    house.client.post(f"{PAGE}follow", data={"email": ADDRESS, "news": "all"})
    house.work()  # or both letters would be under way at once
    house.confirm()
    reader = db.session.scalars(select(Reader)).one()
    assert (reader.news, reader.confirmed_at is not None) == ("none", True)


def test_taking_back_and_erasing(house: Endorsing) -> None:
    """By the link of the letters; the page shows it no longer, and nothing is left of it."""
    house.publish()
    first = house.letters()[-1].link("/yours/")
    page = house.client.get(first).text
    place = page.partition('<ul class="links">')[2].partition('href="')[2].partition('"')[0]
    assert "Postal Workers’ Union" in house.client.get(place).text
    other = house.publish(email="other@union.example", organisation="Other Union")
    other_place = place.rpartition("/")[0] + f"/{other.id}"
    assert house.client.post(other_place).status_code == NOT_FOUND
    assert "no longer shows" in house.client.post(place).text
    assert "Postal" not in house.everywhere() + rows()
    assert house.client.get(place).status_code == NOT_FOUND
    assert "Other Union" in house.client.get(PAGE).text
    house.client.post(house.letters("other@union.example")[-1].link("/yours/"), data={"action": "erase"})
    assert "Other Union" not in house.everywhere() + rows()
    assert db.session.scalars(select(Endorsement)).all() == []


@one_database
def test_what_was_never_confirmed_is_forgotten(house: Endorsing) -> None:
    """After seven days, with the address; what was confirmed stays."""
    house.endorse()
    house.confirm(email="kept@union.example", organisation="Kept")
    with time_machine.travel(clock.now() + timedelta(days=8)):
        house.work()
        kept = db.session.scalars(select(Endorsement)).one()
        assert kept.organisation == "Kept"
        assert len(db.session.scalars(select(Reader)).all()) == 1


@one_database
def test_an_endorsement_that_does_not_open_stops_no_other(house: Endorsing) -> None:
    """It is set aside, sealed, and forgotten in time."""
    broken, whole = house.endorse(), house.endorse(email="whole@union.example", organisation="Whole")
    db.session.execute(text("UPDATE endorsements SET sealed = X'00' WHERE id = (SELECT min(id) FROM endorsements)"))
    for letter in (broken, whole):
        house.client.post(letter.link("/confirm/"))
    house.work()
    found = [(row.organisation, row.state) for row in db.session.scalars(select(Endorsement).order_by(Endorsement.id))]
    assert found == [(None, "unconfirmed"), ("Whole", "waiting")]


@one_database
def test_an_address_may_not_be_flooded(house: Endorsing) -> None:
    """As with signing: five letters a day."""
    for _ in range(7):
        house.client.post(FORM, data=UNION)
    house.work()
    assert len(house.letters()) == 5
    assert db.session.query(Delivery).count() == 5
