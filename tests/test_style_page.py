"""The page of components: every part renders in every language, and every colour can be read on what it stands on."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaign.i18n import LOCALES
from campaign.organizers.models import Role
from campaign.pages.tokens import PAIRS, contrast, forced, pairs, schemes, values
from campaign.timeline.models import Status
from tests.organizers_in import Organizers
from tests.programs import ROOT

STATIC = ROOT / "campaign" / "static"
OK = 200

one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def organizer(organizers: Organizers) -> FlaskClient:
    """Somebody who is signed in, and of no campaign."""
    return organizers.as_role(Role.TRANSLATOR)


def test_contrast() -> None:
    """As the standard says: black on white is 21, a colour on itself 1, and the order does not matter."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == pytest.approx(1)
    assert contrast("#ffffff", "#767676") == contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_every_colour_can_be_read() -> None:
    """In the light and in the dark."""
    tokens = schemes(STATIC / "style.css", STATIC / "console.css")
    assert tokens["light"]["paper"] != tokens["dark"]["paper"]
    for scheme, colours in tokens.items():
        found = list(pairs(values(colours)))
        assert len(found) == len(PAIRS)
        assert [(scheme, one) for one in found if not one.is_enough] == []
    assert re.search(r"\.as-dark \{[^}]*--busy: var\(--move\);[^}]*color-scheme: dark;", forced(tokens))


def test_a_colour_that_cannot_be_read_is_seen(tmp_path: Path) -> None:
    """The light grey of a careless day."""
    careless = tmp_path / "careless.css"
    careless.write_text(re.sub(r"--soft: #\w+;", "--soft: #999;", (STATIC / "style.css").read_text("utf-8")), "utf-8")
    found = pairs(values(schemes(careless, STATIC / "console.css")["light"]))
    assert [one.front for one in found if not one.is_enough] == ["soft", "soft"]


@one_database
def test_all_parts_in_all_languages(app: Flask, organizer: FlaskClient) -> None:
    """Each status, the long word, wrong fields; nothing is marked by a style in the page, and no id stands twice."""
    for locale in LOCALES:
        page = organizer.get(f"/console/style/{locale}/")
        assert page.status_code == OK
        assert f'lang="{locale}"' in page.text
        assert all(f"s-{status}" in page.text for status in Status)
        assert 'aria-invalid="true"' in page.text
        assert " style=" not in page.text
        ids = re.findall(r'\sid="([^"]+)"', page.text)
        assert sorted(ids) == sorted(set(ids)), [name for name in ids if ids.count(name) > 1]
    console = organizer.get("/console/style")
    assert console.status_code == OK
    assert "#121212" in console.text
    sheet = organizer.get("/console/style/schemes.css")
    assert (sheet.mimetype, sheet.status_code) == ("text/css", OK)


@one_database
def test_it_is_for_organizers(app: Flask, client: FlaskClient) -> None:
    """Nobody else."""
    for path in ("/console/style", "/console/style/en/", "/console/style/schemes.css"):
        assert client.get(path).status_code == 302
