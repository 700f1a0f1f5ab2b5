"""Share cards and posters: what they show, that all of it can be read, that a card is drawn once and kept."""

import re
from datetime import date
from functools import cache
from http import HTTPStatus
from io import BytesIO

import pytest
import structlog.testing
import zxingcpp
from babel import Locale
from flask import Flask
from flask.testing import FlaskClient
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw
from playwright.sync_api import Browser

from campaign import clock
from campaign.app import create_app
from campaign.campaigns.models import Campaign, CampaignState, Photo
from campaign.campaigns.photos import Encoded, encode
from campaign.config import Config
from campaign.db import db
from campaign.doctor.findings import Verdict
from campaign.doctor.machine import check_cards
from campaign.i18n import LOCALES, direction, speaking
from campaign.importing import import_campaign
from campaign.sharing.cards import faces, lettering, showing, views
from campaign.sharing.cards.card import drawn
from campaign.sharing.cards.faces import ARABIC, FONTS, LATIN, NASTALIQ, OTHERS, characters, faces_of, font
from campaign.sharing.cards.fitting import fitted
from campaign.sharing.cards.ground import FLOOR, HEIGHT, MARGIN, WIDTH, ground
from campaign.sharing.cards.lettering import Words, clean, draw_line, measured
from campaign.sharing.cards.panel import PANEL
from campaign.sharing.cards.showing import rounded, shown
from campaign.timeline.operations import UpdateDraft, add_update, publish
from tests.stack import Stack
from tests.test_photos import picture

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

LIGHT, LIGHT_WITH_PHOTO, FONTS_WEIGH = 40_000, 150_000, 900_000
NAME = "Tariq Example"
TITLES = {"en": "Free him", "es": "Libertad", "fr": "Libérez-le", "pt": "Liberdade", "ar": "الحرية له", "ur": "رہا کرو"}
PHRASES = {
    "en": "Release all those who were taken from their homes at night and say where each of them is held",
    "es": "Libertad para todas las personas que fueron sacadas de sus casas de noche y que se diga dónde están",
    "fr": "Libérez toutes celles et tous ceux qui ont été enlevés chez eux la nuit, et dites où ils sont détenus",
    "pt": "Liberdade para todas as pessoas levadas de casa à noite, e que se diga onde cada uma delas está detida",
    "ar": "أطلقوا سراح جميع الذين اقتيدوا من بيوتهم ليلًا وقولوا أين يُحتجز كل واحد منهم وأوقفوا الاختفاء القسري",
    "ur": "رات کو گھروں سے اٹھائے گئے تمام لوگوں کو رہا کیا جائے اور بتایا جائے کہ ان میں سے ہر ایک کہاں ہے",
}
LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


def add(slug: str = "card", people: int = 1, titles: dict[str, str] = TITLES, **facts: object) -> Campaign:
    """A campaign in all languages, for people who are missing."""
    names = [NAME, *(f"Person {number}" for number in range(2, people + 1))]
    told = {"summary": "Taken.", "body": "Taken at night.", "demands": ["Set him free.", "Say where he is."]}
    described = {
        "slug": slug,
        "language": "en",
        "state": "open",
        "goal": 10,
        "country": "PK",
        "hashtag": "#FreeTariq",
        "texts": {locale: {"title": title, **told} for locale, title in titles.items()},
        "people": [{"name": {"en": name}, "since": date(2024, 1, 2)} for name in names],
        "updates": [tells(dict.fromkeys(names, "missing"))] if people else [],
    }
    campaign = import_campaign(described | facts, clock.now())
    db.session.commit()
    return campaign


def tells(statuses: dict[str, str]) -> dict[str, object]:
    """An update as a description has it."""
    texts = {"en": {"title": "Taken", "body": "At night."}}
    return {"kind": "status", "occurred_on": date(2024, 1, 3), "texts": texts, "statuses": statuses}


def free(campaign: Campaign, *names: str) -> None:
    """These came free."""
    draft = UpdateDraft(
        "status", date(2024, 2, 3), {"en": ("Free", "At last.")}, statuses=dict.fromkeys(names, "released")
    )
    publish(add_update(campaign, draft), clock.now(), is_told=False)
    db.session.commit()


@cache
def encoded_picture() -> Encoded:
    """A photo, encoded once for all tests."""
    return encode(picture())


def give_photo(campaign: Campaign, number: int = 0) -> None:
    """A photo in red and blue."""
    made, person = encoded_picture(), campaign.people[number]
    person.photo = Photo(
        campaign_id=campaign.id,
        name=f"{number:020}",
        alt={},
        width=made.width,
        height=made.height,
        jpeg=made.jpeg,
        narrow=made.narrow,
        wide=made.wide,
    )
    db.session.commit()


def seen(client: FlaskClient, locale: str = "en", slug: str = "card") -> Image.Image:
    """A card as a picture."""
    return Image.open(BytesIO(client.get(f"/{locale}/{slug}/card.png").data)).convert("RGB")


def ink(card: Image.Image, locale: str, state: str = "open", width: int = WIDTH) -> tuple[int, int, int, int]:
    """The box of what stands on the ground, above the band; `width`: so far from where lines begin."""
    plain = ground(state)
    if direction(locale) == "rtl":
        plain, card = plain, card.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    strange = ImageChops.difference(card, plain).convert("L").point([0] * 48 + [255] * 208)
    box = strange.crop((0, 0, width, FLOOR)).getbbox()
    assert box is not None
    return box


# What is answered


@one_database
def test_a_card_in_each_language(app: Flask, client: FlaskClient) -> None:
    """1200 by 630, light, for everybody's use, revalidated by its digest; lines begin where the language begins."""
    add()
    for locale in LOCALES:
        answer = client.get(f"/{locale}/card/card.png")
        assert (answer.status_code, answer.mimetype) == (HTTPStatus.OK, "image/png")
        assert Image.open(BytesIO(answer.data)).size == (WIDTH, HEIGHT) == (1200, 630)
        assert len(answer.data) <= LIGHT
        assert "public, max-age=" in answer.headers["Cache-Control"]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert "Content-Encoding" not in answer.headers
        for path in (f"/{locale}/card/card.png", f"/{locale}/card/card.png?again"):
            again = client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
            assert (again.status_code, again.data) == (HTTPStatus.NOT_MODIFIED, b"")
        left, _top, right, _bottom = ink(seen(client, locale), locale)
        assert MARGIN - 8 <= left <= MARGIN + 8
        assert right < WIDTH - MARGIN


@one_database
def test_what_has_no_card_or_poster(app: Flask, client: FlaskClient) -> None:
    """Drafts, and what somebody made up."""
    add("a-draft", state="draft")
    for slug in ("a-draft", "nothing", "NOT-A-SLUG", "%00"):
        for page in ("card.png", "poster"):
            assert client.get(f"/en/{slug}/{page}").status_code == HTTPStatus.NOT_FOUND
    assert client.get("/xx/a-draft/card.png").status_code == HTTPStatus.NOT_FOUND


def test_a_card_is_drawn_once_for_each_state(
    app: Flask, client: FlaskClient, installation: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks, by whatever query, in whichever process; what changed is drawn anew, and the old file goes."""
    calls: list[str] = []
    monkeypatch.setattr(views, "drawn", lambda shown, photos: (calls.append(shown.locale), drawn(shown, photos))[1])
    campaign = add()
    other = create_app(Config.read(installation.environ))
    folder = installation.instance / "cards"
    for asker in (client, client, other.test_client()):
        for query in ("", "?v=1", "?v=2"):
            assert asker.get(f"{installation.url}/en/card/card.png{query}").status_code == HTTPStatus.OK
    assert calls == ["en"]
    first = list(folder.iterdir())
    assert len(first) == 1
    client.get("/ur/card/card.png")
    campaign.text_in("en").title = "Free Tariq"
    old = client.get("/en/card/card.png", headers={"If-None-Match": first[0].stem.partition("-")[2]})
    assert (old.status_code, calls) == (HTTPStatus.OK, ["en", "ur", "en"])
    assert len(list(folder.iterdir())) == 2
    assert not first[0].exists()
    campaign.goal = 20  # no card shows it
    client.get("/en/card/card.png")
    assert len(calls) == 3
    with other.app_context():
        db.engine.dispose()


@one_database
def test_cards_outlive_what_lies_in_their_folder(
    app: Flask, client: FlaskClient, installation: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file, an empty one, a folder of that name, strange names; and no folder at all: then from memory."""
    calls: list[str] = []
    monkeypatch.setattr(views, "drawn", lambda shown, photos: (calls.append(shown.locale), drawn(shown, photos))[1])
    add()
    whole = client.get("/en/card/card.png").data
    folder = installation.instance / "cards"
    (file,) = folder.iterdir()
    for garbage in (b"", whole[:-20], b"<svg/>"):
        file.write_bytes(garbage)
        assert client.get("/en/card/card.png").data == whole
        assert file.read_bytes() == whole
    assert len(calls) == 4
    for name in ("x", "1_en-", "1_en", "..png", "-"):
        (folder / name).touch()
    file.unlink()
    file.mkdir()
    for _time in range(2):
        assert client.get("/en/card/card.png").data == whole
    assert len(calls) == 5
    file.rmdir()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("no folder")
    fresh = create_app(Config.read(installation.environ))
    with structlog.testing.capture_logs() as logs:
        for _time in range(3):
            assert fresh.test_client().get(f"{installation.url}/en/card/card.png").data == whole
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == ["a card cannot be kept"]
    assert len(calls) == 6
    with fresh.app_context():
        db.engine.dispose()


@one_database
def test_without_a_shaper_there_are_no_cards(
    installation: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rather none than letters that stand apart; the log says so at the start, and the doctor."""
    config = Config.read(installation.environ)
    assert [finding.verdict for finding in check_cards(config)] == [Verdict.GOOD]
    (installation.instance / "cards").write_text("no folder")
    assert [finding.verdict for finding in check_cards(config)] == [Verdict.WRONG]
    monkeypatch.setattr(faces.features, "check", lambda _name: False)
    app = create_app(config)
    assert "no share cards" in capsys.readouterr().err
    with app.app_context():
        add()
        assert app.test_client().get(f"{installation.url}/en/card/card.png").status_code == HTTPStatus.NOT_FOUND
        db.session.remove()
        db.engine.dispose()
    (finding,) = check_cards(config)
    assert (finding.verdict, "raqm" in finding.sentence) == (Verdict.WRONG, True)


# What is shown


@one_database
def test_photos_are_grey_while_they_are_held(app: Flask, client: FlaskClient) -> None:
    """And in their colours when they are free, on the yellow ground; at the end of the lines."""
    campaign = add()
    give_photo(campaign)
    held = client.get("/en/card/card.png").data
    face = (WIDTH - PANEL // 2, 100)
    red, green, blue = seen(client).getpixel(face)  # type: ignore[misc]
    assert red == green == blue
    assert len(held) <= LIGHT_WITH_PHOTO
    free(campaign, NAME)
    red, _green, blue = seen(client).getpixel(face)  # type: ignore[misc]
    assert red > blue + 100
    assert ImageChops.difference(seen(client), ground("won")).crop((5, 5, 40, FLOOR - 5)).getbbox() is None
    red, _green, blue = seen(client, "ur").getpixel((WIDTH - face[0], face[1]))  # type: ignore[misc]
    assert red > blue + 100


@one_database
def test_noisy_photos_stay_light(app: Flask, client: FlaskClient) -> None:
    """Eleven people, nine of them with a photo that has every colour."""
    campaign = add(people=11)
    noise = BytesIO()
    Image.effect_noise((480, 600), 60).convert("RGB").save(noise, "JPEG")
    made = encode(noise.getvalue())
    for number in range(9):
        give_photo(campaign, number)
        campaign.people[number].photo.narrow = made.narrow  # type: ignore[union-attr]
    free(campaign, NAME, "Person 2", "Person 10")
    assert len(client.get("/en/card/card.png").data) <= LIGHT_WITH_PHOTO


def says(campaign: Campaign, locale: str = "en") -> showing.Shown:
    """What a card shows."""
    with speaking(locale):
        return shown(campaign, locale, date(2024, 1, 19))


@one_database
def test_the_words_of_a_card(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the page: how it stands, for how long, how many are free, how many signed, in a number that lasts."""
    one, several = add(), add("several", people=3)
    said = says(one)
    assert (said.title.text, said.status.text, said.standing.text) == ("FREE HIM", "Missing", "for 17 days")
    assert said.standing.text[slice(*said.standing.loud)] == "17"
    assert [words.text for words in said.kicker] == ["PAKISTAN", "#FreeTariq"]
    assert (said.whose.text.strip("\u2068\u2069"), said.count.text) == (NAME, "Be the first to sign")
    free(several, NAME)
    assert says(several).standing.text == "1 of 3 is free"
    for count, told in ((1, "1 person has"), (99, "99 people have"), (1284, "More than 1,200 people have")):
        monkeypatch.setattr(showing, "public_count", lambda _campaign_id, count=count: count)
        assert says(one).count.text == f"{told} signed"
    assert says(one).digest == says(one).digest
    monkeypatch.setattr(showing, "public_count", lambda _campaign_id: 1285)
    known = says(one).digest
    monkeypatch.setattr(showing, "public_count", lambda _campaign_id: 1299)
    assert says(one).digest == known
    monkeypatch.setattr(showing, "public_count", lambda _campaign_id: 2_000_000)
    assert says(one).count.text == "2,000,000 people have signed"
    one.state = CampaignState.ENDED
    assert "This campaign has ended." in [words.text for words in says(one).kicker]
    free(several, "Person 2", "Person 3")
    said = says(several)
    assert (said.state, said.title.text, said.standing.text) == ("won", "ALL 3 ARE FREE", "After 32 days")
    free(one, NAME)
    assert (
        says(one).title.text.strip("\u2068\u2069").replace("\u2069", "").replace("\u2068", "")
        == "TARIQ EXAMPLE IS FREE"
    )


@pytest.mark.parametrize(
    ("count", "shown"), [(0, 0), (7, 7), (99, 99), (100, 100), (1284, 1200), (2_999_999, 2_900_000)]
)
def test_counts_are_rounded_down_to_two_figures(count: int, shown: int) -> None:
    """So that a card is not drawn with each signature."""
    assert rounded(count) == shown


@one_database
@pytest.mark.parametrize(("people", "locales"), [(0, "en"), (1, "en ar ur"), (11, "en es fr pt ar ur"), (40, "ur")])
def test_long_titles_stay_inside(app: Flask, client: FlaskClient, people: int, locales: str) -> None:
    """In each language, beside whatever people there are; very long words, too."""
    add(people=people, titles=PHRASES)
    add("word", people=people, titles=dict.fromkeys(LOCALES, f"{LONG_WORD} {LONG_WORD}"))
    room = WIDTH - PANEL if people > 1 else WIDTH
    for locale, slug in (*((locale, "card") for locale in locales.split()), (locales.split()[0], "word")):
        left, top, right, bottom = ink(seen(client, locale, slug), locale, width=room)
        assert left >= MARGIN - 10, (locale, slug)
        assert top >= 40, (locale, slug)
        assert right <= room - (MARGIN - 30 if people > 1 else MARGIN - 10), (locale, slug)
        assert bottom <= FLOOR - 20, (locale, slug)


# Letters


def glyphs(face: str) -> set[str]:
    """What a font has, as another reader sees it."""
    with TTFont(FONTS / f"{face}.ttf") as opened:
        return set(map(chr, opened.getBestCmap()))


def test_the_fonts_are_shipped_with_their_licence() -> None:
    """All of them, light, and read rightly."""
    for face in (LATIN, ARABIC, NASTALIQ, *OTHERS):
        assert characters(face) == glyphs(face)
    assert "SIL OPEN FONT LICENSE" in (FONTS / "OFL.txt").read_text("utf-8")
    assert sum(file.stat().st_size for file in FONTS.glob("*.ttf")) < FONTS_WEIGH
    assert {file.stem for file in FONTS.glob("*.ttf")} == {LATIN, ARABIC, NASTALIQ, *OTHERS}


@pytest.mark.parametrize(
    "name",
    ["Марія Колеснікова", "Ναρκίσσα Ντε", "Nguyễn Thị Ngọc", "Özgür Çağlayan", "नरेश कुमार", "אריה", "Արամ Խաչատրյան",
     "ნინო", "محمد امین", "ڪيلاش سنڌي", "ژیلا بنی‌یعقوب", "Łukasz Ščerba", "Ọlá Ṣẹ́gun"],
)  # fmt: skip
def test_no_name_has_an_empty_box(name: str) -> None:
    """On pages of each language, each letter is drawn by a font that has it."""
    drawable = {face: glyphs(face) for face in (LATIN, ARABIC, NASTALIQ, *OTHERS)}
    for locale in LOCALES:
        left = clean(name, locale)
        assert len(left) >= len(name) - 1, "nothing is lost but what was written in two pieces"
        for char, face in zip(left, faces_of(left, locale), strict=True):
            assert (face and char in drawable[face]) or char in "\u200c\u200d"


def test_each_language_has_all_its_letters() -> None:
    """Names of countries, months and languages in all of ours."""
    for locale in LOCALES:
        known = Locale.parse(locale)
        for name in (*known.territories.values(), *known.months["format"]["wide"].values(), *LOCALES.values()):
            assert all(faces_of(clean(name, locale), locale)), (locale, name)
            assert clean(name, locale).replace("\u00a0", " ") == re.sub(r"\s+", " ", name).replace("\u200f", ""), locale


def test_what_no_font_has_is_left_out() -> None:
    """Pictures, other scripts, and marks that turn a text round."""
    assert clean("Free 艾未未 (Ai)  now ✊🏽\u202e!", "en") == "Free (Ai) now !"
    assert clean("\x00\ufffe\ud800", "en") == ""


BIDI = st.text(alphabet="abc اب تج 12 34 ,.:-()!", min_size=1, max_size=12).map(str.strip).filter(bool)


@settings(max_examples=150, deadline=None)
@given(text=BIDI, language=st.sampled_from(["en", "ar"]))
def test_lines_that_run_both_ways_stand_as_fribidi_has_them(text: str, language: str) -> None:
    """In one font our pieces are where raqm would put them. Brackets are pairs for it, so there are none here."""
    text = re.sub(r"[()]", "", text).strip() or "a"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            lettering, "faces_of", lambda text, _language: [NASTALIQ if char == "x" else ARABIC for char in text]
        )
        lettering.measured.cache_clear()
        ours, theirs = Image.new("L", (900, 120)), Image.new("L", (900, 120))
        words = Words(text, language)
        draw_line(ImageDraw.Draw(ours), 20, 80, words, 40, "white")
        letters = font(ARABIC, 40)
        way = {"direction": direction(language), "language": language}
        ImageDraw.Draw(theirs).text((20, 80), text, "white", letters, "ls", **way)  # type: ignore[arg-type]
    lettering.measured.cache_clear()
    different = ImageChops.difference(ours, theirs).point([0] * 128 + [255] * 128)
    assert sum(different.histogram()[128:]) <= 60 * len(text), text


def test_a_name_among_other_letters_does_not_turn_them_round() -> None:
    """What stands in an isolate is one piece: "1" and the point stay where the sentence has them."""
    sentence = Words("حر \u2068Tariq 1.\u2069 الآن", "ar")
    plain = [run.text.strip() for run in lettering._runs(sentence)]
    assert [piece for piece in plain if piece] == ["الآن", "Tariq 1.", "حر"]


def test_words_are_broken_kindly() -> None:
    """Whole where they fit, with a hyphen where one must be broken, with dots behind a word where all is too much."""
    sizes = range(40, 200, 4)
    assert [line.text for line in fitted(Words("Free them all", "en"), 400, 600, sizes).lines] == [
        "Free",
        "them",
        "all",
    ]
    block = fitted(Words(LONG_WORD, "de" if "de" in LOCALES else "en"), 500, 400, sizes)
    assert [line.text[-1] for line in block.lines[:-1]] == ["-"] * (len(block.lines) - 1)
    assert "".join(line.text.rstrip("-") for line in block.lines) == LONG_WORD
    assert all(measured(line).at(block.size).width <= 500 for line in block.lines)
    cut = fitted(Words("one two three four five six seven " * 20, "en"), 500, 120, sizes)
    assert not cut.is_whole
    assert re.search(r"(one|two|three|four|five|six|seven)…$", cut.lines[-1].text)


# The poster


def pages_of(pdf: bytes) -> int:
    """How many pages a PDF of Chromium's has."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


@one_database
def test_a_poster_is_one_page_and_its_code_leads_to_the_campaign(stack: Stack, app: Flask, browser: Browser) -> None:
    """In each language, with long texts and eleven people as with little; the code is read from the screen."""
    add("short")
    long = add("long-one", people=11, titles={locale: f"{phrase} {phrase}" for locale, phrase in PHRASES.items()})
    for text in long.texts:
        text.summary, text.demands = PHRASES[text.locale] * 8, [PHRASES[text.locale] * 2] * 6
    give_photo(long)
    db.session.commit()
    stack.start_web()
    page = browser.new_page(viewport={"width": 1000, "height": 1300})
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("request", lambda request: told.append(request.url) if not request.url.startswith(stack.url) else None)
    for slug, locale in (("short", "en"), ("short", "ur"), *(("long-one", locale) for locale in LOCALES)):
        page.goto(f"{stack.url}/{locale}/{slug}/poster")
        assert pages_of(page.pdf(prefer_css_page_size=True)) == 1, (slug, locale)
        page.emulate_media(media="print")
        read = [code.text for code in zxingcpp.read_barcodes(Image.open(BytesIO(page.screenshot())))]
        page.emulate_media(media="null")  # so that page.pdf() prints as a printer does
        assert read == [f"{stack.url}/{locale}/{slug}/"]
        assert page.locator(".address").inner_text() == read[0].removeprefix("http://")
        code = page.get_by_role("img").and_(page.locator(".qr"))
        assert code.get_attribute("alt")
        assert code.evaluate("image => image.naturalWidth") >= 300 * 58 / 25.4, "dots, 58 mm wide"
    assert not told
    page.close()


@one_database
def test_what_a_poster_says(app: Flask, client: FlaskClient) -> None:
    """Title, how it stands, demands; who won reads of joy, and is not asked to sign any more."""
    campaign = add()
    page = client.get("/en/card/poster").text
    for words in ("Free him", NAME, "Missing for", "Set him free.", "Say where he is.", "Sign here", "#FreeTariq"):
        assert words in page
    assert "style=" not in page
    assert "<script" not in page
    assert 'src="data:image/png;base64,' in page, "Tor Browser's level Safest shows no SVG"
    free(campaign, NAME)
    campaign.state = CampaignState.WON
    page = client.get("/en/card/poster").text
    assert "is free" in page
    assert "Read more here" in page
    assert "Sign here" not in page
