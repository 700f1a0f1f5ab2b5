"""What the page of components shows: people, words, numbers, obviously made up, in the shapes of the real."""

from datetime import UTC, date, datetime

from werkzeug.datastructures import MultiDict

from campaign.campaigns.models import Campaign, CampaignState
from campaign.signing.forms import SignForm
from campaign.signing.queries import Progress
from campaign.statements.queries import Backers, Backing, Voice
from campaign.timeline.models import Kind, Status
from campaign.timeline.queries import Entry, Freedom, Standing

DAY = date(2024, 1, 2)
MOMENT = datetime(2024, 1, 2, tzinfo=UTC)
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
COUNTS = (0, 1, 999, 2_000_000)


def people(status: Status = Status.DETAINED, count: int = 1) -> list[Standing]:
    """So many made-up persons who stand like this."""
    names = ("Tariq Example", f"Rosa {LONG_WORD}", "طارق مثال")
    return [Standing(names[n % 3], "a teacher", 40 + n, status, DAY, DAY, 1234) for n in range(count)]


def progress(count: int) -> Progress:
    """So many signatures."""
    return Progress(count, max(1000, count * 5 // 4), 12 if count > 1 else 0, min(count, 97))


def cards() -> list[dict[str, object]]:
    """A campaign in each state, and one with long words."""
    title, long_title = "Free Tariq Example", f"Free all who spoke before the {LONG_WORD}"
    free = people(Status.RELEASED)
    return [
        _card(CampaignState.OPEN, title, people(), 0),
        _card(CampaignState.OPEN, long_title, people(count=11), COUNTS[-1]),
        _card(CampaignState.OPEN, "طارق مثال کو رہا کرو", people(Status.MISSING), 999, "ur"),
        _card(CampaignState.WON, title, free, COUNTS[-1], freed=Freedom(DAY, 1)),
        _card(CampaignState.ENDED, title, [], 1),
    ]


def _card(
    state: CampaignState,
    title: str,
    persons: list[Standing],
    count: int,
    locale: str = "en",
    freed: Freedom | None = None,
) -> dict[str, object]:
    campaign = Campaign(slug="made-up", state=state, locale=locale, country="AQ")
    text = {"title": title, "summary": "Taken at night. Nobody was told why.", "locale": locale}
    how = {"people": persons, "freed": freed, "is_won": state == CampaignState.WON}
    return {"campaign": campaign, "text": text, **how, "progress": progress(count)}


def entries(first: int) -> list[Entry]:
    """Entries of a timeline from this number on: a change of status, one that was corrected, one that was retracted."""
    body = "He was seen **alive**. A lawyer was let in."
    status, changes = Kind.STATUS, [("Tariq Example", Status.TRANSFERRED.value)]
    return [
        Entry(first, status, DAY, MOMENT, "Moved", body, "en", ["https://example.org/"], changes, None, [], None, None),
        Entry(first + 1, Kind.NEWS, DAY, MOMENT, LONG_WORD, body, "en", [], [], None, [first], None, None),
        Entry(
            first + 2,
            Kind.HEARING,
            DAY,
            MOMENT,
            "خبر",
            "سماعت ملتوی ہو گئی۔",
            "ur",
            [],
            [],
            None,
            [],
            MOMENT,
            "wrong day",
        ),
    ]


def voices() -> list[Voice]:
    """Short and long words; of somebody without a name; from right to left."""
    return [
        Voice(1, "You are not alone.", "en", "Ada Example", "AQ", MOMENT),
        Voice(2, "We read your words in our school. " * 8 + LONG_WORD, "en", None, None, MOMENT),
        Voice(3, "ہم آپ کے ساتھ ہیں۔", "ur", "ع۔ م۔", "PK", MOMENT),
    ]


def endorsements() -> list[Backing]:
    """Of an organisation with a long name, and in a personal capacity."""
    words = "An injury to one is an injury to all."
    return [
        Backing(
            1, 310_000, f"Union of the {LONG_WORD}", "AQ", 310_000, "Ada Example", "secretary", False, None, words, "en"
        ),
        Backing(2, 0, "Institute of Examples", None, 12, "Rosa Example", "researcher", True, None, "", "en"),
    ]


def endorsed() -> list[Backers]:
    """One organisation, and several that speak for many."""
    return [Backers(1, 50, 0), Backers(12, 310_000, 3)]


def form(scheme: str, *, is_wrong: bool = False) -> SignForm:
    """The form that signs, as it comes; or as it comes back when it was sent with mistakes."""
    prefix = f"{scheme}-{'wrong' if is_wrong else 'right'}-"
    if not is_wrong:
        return SignForm(formdata=None, prefix=prefix)
    sent = SignForm(
        formdata=MultiDict({f"{prefix}name": "Ada Example", f"{prefix}email": "ada@example"}), prefix=prefix
    )
    sent.validate()
    return sent
