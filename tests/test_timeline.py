"""How people stand by the timeline: order, corrections, retractions, freedom; and what may enter it from a file."""

import math
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, permutations
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign import clock
from campaign.campaigns.models import Campaign
from campaign.db import db
from campaign.errors import Refusal
from campaign.importing import import_campaign, read_campaign, read_update
from campaign.mailing.models import Mailing
from campaign.timeline.models import Update
from campaign.timeline.operations import AlreadyPublished, UpdateDraft, add_update, publish, retract
from campaign.timeline.queries import Freedom, freedom, published_update, standings
from tests.stack import SIGNER, Stack

TODAY = date(2024, 3, 1)
TEXTS = {"title": "Free them", "summary": "Taken.", "body": "Taken at night.", "demands": ["Free them."]}
SLUGS = (f"timeline-{number}" for number in count())
DAYS = count()

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
pytestmark = pytest.mark.usefixtures("app")


def campaign_for(*names: str, **facts: Any) -> Campaign:
    """An open campaign for these people, the first taken on 2 January 2024, each next one a day later."""
    people = [{"name": {"en": name}, "since": date(2024, 1, 2) + timedelta(day)} for day, name in enumerate(names)]
    described = {"slug": next(SLUGS), "language": "en", "state": "open", "goal": 10, "texts": {"en": TEXTS}}
    return import_campaign({**described, "people": people, **facts}, clock.now())


def tell(campaign: Campaign, day: date, statuses: dict[str, str], corrects: int | None = None) -> Update:
    """Publish an update that sets statuses."""
    kind = "status" if corrects is None else "correction"
    draft = UpdateDraft(kind, day, {"en": (f"News {next(DAYS)}", "News.")}, statuses=statuses, corrects=corrects)
    update = add_update(campaign, draft)
    publish(update, clock.now(), is_told=False)
    return update


def status_of(campaign: Campaign, place: int = 0) -> str | None:
    """How it stands with a person today."""
    return standings(campaign, "en", TODAY)[place].status


# Statuses


def test_the_present_status_is_that_of_the_latest_day_in_whatever_order_it_was_told() -> None:
    """By the day on which it occurred; of one day, what was told last."""
    told = [(date(2024, 1, 2), "missing"), (date(2024, 1, 9), "detained"), (date(2024, 2, 1), "charged")]
    for order in permutations(told):
        campaign = campaign_for("Mira", "Nadia")
        for day, status in order:
            tell(campaign, day, {"Mira": status})
        mira, nadia = standings(campaign, "en", TODAY)
        assert (mira.status, mira.changed_on, mira.days) == ("charged", date(2024, 2, 1), 59)
        assert (nadia.status, nadia.changed_on, nadia.days) == (None, None, 58)
        tell(campaign, date(2024, 2, 1), {"Mira": "on_trial"})
        assert status_of(campaign) == "on_trial"


@one_database
def test_days_stop_where_captivity_ends() -> None:
    """On release, deportation or death; they go on for everybody else, and are never negative."""
    campaign = campaign_for("A", "B", "C", "D")
    tell(campaign, date(2024, 2, 1), {"A": "released", "B": "deported", "C": "killed", "D": "transferred"})
    assert [person.days for person in standings(campaign, "en", TODAY)] == [30, 29, 28, 56]
    assert [person.days for person in standings(campaign, "en", date(2023, 1, 1))][3] == 0


@one_database
def test_a_correction_takes_the_place_of_what_it_corrects() -> None:
    """For the persons it names; the others keep what was told. A correction may be corrected and retracted itself."""
    campaign = campaign_for("A", "B")
    wrong = tell(campaign, date(2024, 2, 1), {"A": "released", "B": "released"})
    first = tell(campaign, date(2024, 1, 31), {"A": "transferred"}, corrects=wrong.number)
    assert (status_of(campaign, 0), status_of(campaign, 1)) == ("transferred", "released")
    second = tell(campaign, date(2024, 1, 30), {"A": "deported"}, corrects=first.number)
    assert status_of(campaign) == "deported"
    retract(second, "wrong", clock.now())
    assert status_of(campaign) == "transferred"
    retract(first, "wrong", clock.now())
    assert (status_of(campaign, 0), status_of(campaign, 1)) == ("released", "released")


@one_database
@pytest.mark.parametrize("corrected_on", [date(2024, 1, 2), date(2024, 2, 20)])
def test_a_correction_of_the_past_leaves_the_present_alone(corrected_on: date) -> None:
    """What is set right in an old entry stands in its place, before what was told since, whatever day it is given."""
    campaign = campaign_for("Mira")
    old = tell(campaign, date(2024, 1, 2), {"Mira": "missing"})
    tell(campaign, date(2024, 2, 1), {"Mira": "released"})
    tell(campaign, corrected_on, {"Mira": "detained"}, corrects=old.number)
    assert status_of(campaign) == "released"
    assert campaign.state == "won"


@one_database
def test_a_retracted_update_counts_no_more_and_stays_in_sight(client: FlaskClient) -> None:
    """Struck through, with the reason; what held before holds again; it is retracted once."""
    campaign = campaign_for("Mira")
    tell(campaign, date(2024, 1, 2), {"Mira": "detained"})
    wrong = tell(campaign, date(2024, 2, 1), {"Mira": "killed"})
    retract(wrong, "A <false> report.", clock.now())
    assert status_of(campaign) == "detained"
    with pytest.raises(Refusal, match="retracted already"):
        retract(wrong, "Again.", clock.now())
    page = client.get(f"/en/{campaign.slug}/timeline/{wrong.number}/").text
    assert "A &lt;false&gt; report." in page
    assert "<s><bdi>" in client.get(f"/en/{campaign.slug}/timeline/").text


# Freedom


def test_the_campaign_is_won_when_the_last_one_is_free(client: FlaskClient) -> None:
    """Days from the first who was taken to the last who came; then it takes followers, and no signatures."""
    campaign = campaign_for("A", "B", "C")
    page, sign, follow = (f"/en/{campaign.slug}/{place}" for place in ("", "sign", "follow"))
    tell(campaign, date(2024, 2, 1), {"A": "released", "C": "released"})
    assert (campaign.state, freedom(standings(campaign, "en", TODAY))) == ("open", None)
    assert f'action="{sign}"' in client.get(page).text
    assert client.post(sign, data=SIGNER).headers["Location"] == f"/en/{campaign.slug}/sent"

    last = tell(campaign, date(2024, 2, 10), {"B": "released"})
    assert freedom(standings(campaign, "en", TODAY)) == Freedom(date(2024, 2, 10), 39)
    assert (campaign.state, campaign.closed_on) == ("won", date(2024, 2, 10))
    assert "All 3 are free" in client.get(page).text
    assert f'action="{sign}"' not in client.get(page).text
    for answer in (client.get(sign), client.post(sign, data=SIGNER)):
        assert (answer.status_code // 100, answer.headers["Location"]) == (3, follow)
    assert client.get(follow).status_code == 200
    assert client.post(follow, data={"email": "b@example.org", "news": "all"}).headers["Location"].endswith("/sent")

    retract(db.session.merge(last), "Not so.", clock.now())
    assert (campaign.state, campaign.closed_on) == ("open", None)
    assert client.post(sign, data=SIGNER).headers["Location"].endswith("/sent")
    assert f'action="{sign}"' in client.get(page).text


@one_database
@pytest.mark.parametrize("end", ["killed", "deported", "transferred", "other"])
def test_other_ends_are_no_freedom(end: str) -> None:
    """Only release wins; and who is taken again is not free."""
    campaign = campaign_for("A", "B")
    tell(campaign, date(2024, 2, 1), {"A": "released", "B": end})
    assert campaign.state == "open"
    tell(campaign, date(2024, 2, 2), {"B": "released"})
    assert campaign.state == "won"
    tell(campaign, date(2024, 2, 3), {"A": "detained"})
    assert (campaign.state, campaign.closed_on) == ("open", None)


@one_database
def test_what_is_ended_or_for_nobody_stays_as_it_is() -> None:
    """A campaign that its organizers ended is not won by an update; one for no person has nobody to free."""
    ended, nobody = campaign_for("A", state="ended"), campaign_for(state="won")
    tell(ended, date(2024, 2, 1), {"A": "released"})
    tell(nobody, date(2024, 2, 1), {})
    assert (ended.state, nobody.state) == ("ended", "won")


@one_database
def test_a_story_told_as_of_a_day_counts_to_that_day(client: FlaskClient) -> None:
    """The days stand still, the page says so, and the next update moves the day on, never back."""
    campaign = campaign_for("Mira", told_as_of=date(2024, 1, 12))
    assert standings(campaign, "en", TODAY)[0].days == 10
    assert "Told as it stood on 12 January 2024" in client.get(f"/en/{campaign.slug}/").text
    tell(campaign, date(2024, 1, 22), {"Mira": "charged"})
    tell(campaign, date(2024, 1, 5), {"Mira": "missing"})
    assert (campaign.told_as_of, standings(campaign, "en", TODAY)[0].days) == (date(2024, 1, 22), 20)


# Texts, and publishing


@one_database
def test_an_update_in_a_missing_language_reads_in_one_there_is(client: FlaskClient) -> None:
    """In the campaign's language, else in the first there is; marked as what it is."""
    campaign = campaign_for("Mira", texts={"en": TEXTS, "ur": TEXTS})
    for texts, lang in (({"ur": ("خبر", "خبر۔"), "en": ("News", "News.")}, "en"), ({"ur": ("خبر", "خبر۔")}, "ur")):
        update = add_update(campaign, UpdateDraft("news", date(2024, 1, 3), texts))
        publish(update, clock.now(), is_told=False)
        place = f"{campaign.slug}/timeline/{update.number}/"
        assert f'lang="{lang}"' in client.get(f"/es/{place}").text.partition("<main")[2]
        assert "خبر" in client.get(f"/ur/{place}").text
        assert update.text_in("es").locale == lang


def test_a_published_update_is_not_published_again() -> None:
    """And owes no second mailing; an unpublished one shows nowhere."""
    campaign = campaign_for("Mira")
    update = add_update(campaign, UpdateDraft("news", date(2024, 1, 3), {"en": ("News", "News.")}))
    assert published_update(campaign.id, update.number) is None
    assert publish(update, clock.now()) is not None
    published_at = update.published_at
    with pytest.raises(AlreadyPublished):
        publish(update, clock.now() + timedelta(1))
    assert update.published_at == published_at
    assert db.session.query(Mailing).filter_by(update_id=update.id).count() == 1


# What does not fit


@pytest.fixture
def whole(tmp_path: Any) -> dict[str, Any]:
    """A description in which everything is there."""
    return {
        "slug": "mangled", "language": "en", "state": "open", "goal": 10, "country": "PK", "hashtag": "#Free",
        "opened_on": date(2024, 1, 2), "texts": {"en": TEXTS, "ur": TEXTS | {"outcome": "Free."}},
        "targets": [{"kind": "government", "name": {"en": "Government"}}],
        "people": [{"name": {"en": "Mira"}, "since": date(2024, 1, 2), "age": 34, "role": {"en": "Driver"}}],
        "updates": [
            {"kind": "status", "occurred_on": date(2024, 1, 3), "sources": ["A newspaper"],
             "statuses": {"Mira": "missing"}, "texts": {"en": {"title": "Taken", "body": "Taken."}}},
        ],
        "endorsements": [
            {"organisation": "Union", "country": "PT", "represents": 10, "speaker": "S", "source": "A letter",
             "statement": {"en": "Free."}},
        ],
    }  # fmt: skip


MISFITS: list[tuple[tuple[Any, ...], Any, str]] = [
    (("slug",), "Free Mira/now", "Free Mira/now"),
    (("slug",), "", "address"),
    (("slug",), "console", "console"),
    (("language",), "de", "de"),
    (("state",), "victory", "victory"),
    (("goal",), 0, "goal"),
    (("goal",), "many", "goal"),
    (("opened_on",), "yesterday", "yesterday|opened_on|date"),
    (("country",), "Pakistan", "Pakistan|country"),
    (("colour",), "red", "colour"),
    (("texts", "de"), TEXTS, "de"),
    (("texts", "en"), "Free Mira", "texts|Free Mira"),
    (("texts", "en", "title"), 5, "title"),
    (("texts", "en", "demands"), "Free Mira", "demands"),
    (("texts", "en", "colour"), "red", "colour"),
    (("targets", 0, "kind"), "king", "king"),
    (("people", 0, "name"), "Mira", "name"),
    (("people", 0, "since"), "2024-01-02", "since|date"),
    (("people", 0, "age"), "old", "age|old"),
    (("updates", 0, "kind"), "rumour", "rumour"),
    (("updates", 0, "statuses"), {"Mira": "happy"}, "happy"),
    (("updates", 0, "statuses"), {"Nobody": "missing"}, "Nobody"),
    (("updates", 0, "occurred_on"), "today", "today|occurred_on|date"),
    (("updates", 0, "corrects"), 1, "correction"),
    (("updates", 0, "sources"), "A newspaper", "sources"),
    (("updates", 0, "texts"), {}, "text"),
    (("updates", 0, "texts", "en", "title"), None, "title"),
    (("endorsements", 0, "organisation"), None, "organisation"),
    (("endorsements", 0, "represents"), "many", "represents|many"),
    (("endorsements", 0, "statement"), "Free.", "statement"),
]


@one_database
@pytest.mark.parametrize(("path", "value", "named"), MISFITS, ids=lambda value: str(value)[:40])
def test_what_does_not_fit_is_refused_by_name(
    whole: dict[str, Any], path: tuple[Any, ...], value: Any, named: str
) -> None:
    """A sentence for the organizer who wrote it, which names what is wrong."""
    with pytest.raises(Refusal, match=named):
        import_campaign(put(whole, path, value), clock.now())


def put(facts: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The facts with another value at the path; None: without it."""
    changed = deepcopy(facts)
    at: Any = changed
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return changed


def paths(facts: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value in a description."""
    steps = facts.items() if isinstance(facts, dict) else enumerate(facts) if isinstance(facts, list) else ()
    for step, value in steps:
        yield (*path, step)
        yield from paths(value, (*path, step))


whole_numbers = st.integers(-(2**63), 2**63 - 1)
simple = st.one_of(
    st.text(max_size=20), whole_numbers, st.floats(), st.booleans(), st.dates(), st.times(), st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(["en", "ur", "de", "open", "draft", "Mira", "status", "released", 0, -1, math.nan, date.min]),
)  # fmt: skip
values = st.one_of(
    st.none(), simple, st.lists(simple, max_size=2), st.dictionaries(st.text(max_size=9), simple, max_size=2)
)
"""What TOML can say; None: nothing."""


def test_whatever_a_file_says_is_refused_or_loaded_whole(
    whole: dict[str, Any], client: FlaskClient, app: Flask
) -> None:
    """A mangled description raises nothing but Refusal; one that is loaded can be opened in every language."""
    everywhere = [*paths(whole), ("extra",), ("people", 0, "extra"), ("updates", 0, "corrects")]
    mangled = st.lists(st.tuples(st.sampled_from(everywhere), values), min_size=1, max_size=2)
    slugs = (f"mangled-{number}" for number in count())

    @settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(mangled)
    def check(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
        facts = whole | {"slug": next(slugs)}
        for path, value in changes:
            try:
                facts = put(facts, path, value)
            except (KeyError, IndexError, TypeError):
                continue  # the other change took away what this one is about
        try:
            slug = import_campaign(facts, clock.now()).slug
            db.session.commit()
        except Refusal:
            db.session.rollback()
        except Exception:
            db.session.rollback()
            raise
        else:
            state = facts.get("state", "draft")
            for page in (f"/en/{slug}/", f"/es/{slug}/", f"/ur/{slug}/timeline/"):
                assert client.get(page).status_code == (404 if state == "draft" else 200)

    check()


@one_database
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "begin with front matter"),
        ("+++\ncampaign = \nkind = 1\n+++\n# en: T\n\nB", "line 1"),
        ('+++\nkind = "news"\noccurred_on = 2024-01-02\n+++\n# en: T\n\nB', "campaign"),
        ('+++\ncampaign = "x"\nkind = "news"\n+++\n# en: T\n\nB', "occurred_on"),
        ('+++\ncampaign = "x"\nkind = "news"\noccurred_on = 2024-01-02\ncolour = 1\n+++\n# en: T\n\nB', "colour"),
    ],
)
def test_a_file_of_an_update_that_does_not_fit_is_refused(tmp_path: Any, text: str, named: str) -> None:
    """By the name of the file and of what is wrong in it."""
    file = tmp_path / "news.md"
    file.write_text(text)
    with pytest.raises(Refusal, match=rf"news\.md.*{named}"):
        read_update(file)
    for content in (b"\xff\xfe", b"slug = "):
        file.write_bytes(content)
        with pytest.raises(Refusal, match=r"news\.md"):
            read_campaign(file)


@one_database
def test_imported_updates_are_published_on_their_days_and_told_to_nobody(stack: Stack, whole: dict[str, Any]) -> None:
    """At noon of the day; no mailing."""
    campaign = import_campaign(whole, clock.now())
    update = published_update(campaign.id, 1)
    assert update is not None
    assert update.published_at == datetime.combine(date(2024, 1, 3), time(12), UTC)
    assert db.session.query(Mailing).count() == 0
