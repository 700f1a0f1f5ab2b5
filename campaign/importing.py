"""Reading campaigns and updates from files: TOML, and Markdown with TOML front matter."""

import re
import tomllib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

from dacite import Config, DaciteError, from_dict
from flask_babel import gettext as _
from sqlalchemy.exc import StatementError

from campaign.campaigns.models import Campaign
from campaign.campaigns.operations import CampaignDraft, add_campaign
from campaign.db import db
from campaign.errors import Refusal
from campaign.statements.operations import EndorsementDraft, add_endorsement
from campaign.timeline.operations import UpdateDraft, add_update, publish

T = TypeVar("T")

_FRONT_MATTER = re.compile(r"\A\+\+\+\n(.*?)\n\+\+\+\n(.*)\Z", re.DOTALL)
_HEADING = re.compile(r"^# ([\w-]+): *(.+)$", re.MULTILINE)


def read_campaign(path: Path) -> dict[str, Any]:
    """A campaign's description from a TOML file; raises Refusal with what is wrong and where."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refusal(_("%(file)s cannot be read: %(error)s", file=path.name, error=str(error))) from error


def import_campaign(facts: dict[str, Any], now: datetime) -> Campaign:
    """Add a campaign with its timeline and endorsements. Its updates are published and told to nobody.

    Raises Refusal with what does not fit; the caller then rolls back.
    """
    try:
        return _import(dict(facts), now)
    except _MISFITS as error:
        raise Refusal(_("The description does not fit: %(error)s", error=_told(error))) from error


def _import(facts: dict[str, Any], now: datetime) -> Campaign:
    updates, endorsements = facts.pop("updates", []), facts.pop("endorsements", [])
    facts["locale"] = facts.pop("language")
    draft = _checked(CampaignDraft, {"people": [], "targets": []} | facts)
    campaign = add_campaign(draft, now)
    for update in updates:
        told = _update_draft(dict(update))
        publish(add_update(campaign, told), datetime.combine(told.occurred_on, time(12), UTC), is_told=False)
    for endorsement in endorsements:
        add_endorsement(campaign.id, _checked(EndorsementDraft, endorsement), now)
    # What the timeline has made of these is history; the description says how the campaign stands.
    campaign.state, campaign.closed_on, campaign.told_as_of = draft.state, draft.closed_on, draft.told_as_of
    db.session.flush()
    return campaign


def _checked(kind: type[T], facts: dict[str, Any]) -> T:
    """The facts as what they describe; raises DaciteError, which names what is missing, unknown or of a wrong type."""
    return from_dict(kind, facts, Config(strict=True))


_MISFITS = (DaciteError, KeyError, TypeError, ValueError, AttributeError, StatementError)


def _told(error: Exception) -> str:
    """What went wrong, in the words of Python or of the database."""
    return str(getattr(error, "orig", None) or error)


def read_update(path: Path) -> tuple[str, UpdateDraft]:
    """A campaign's slug and an update from a Markdown file; raises Refusal with what is wrong."""
    try:
        found = _FRONT_MATTER.match(path.read_text("utf-8").replace("\r\n", "\n"))
        if found is None:
            raise Refusal(_("%(file)s does not begin with front matter between lines of +++.", file=path.name))
        facts = tomllib.loads(found[1])
        return facts.pop("campaign"), _update_draft(facts | {"texts": _texts(found[2])})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Refusal(_("%(file)s cannot be read: %(error)s", file=path.name, error=str(error))) from error
    except _MISFITS as error:
        raise Refusal(
            _("The front matter of %(file)s does not fit: %(error)s", file=path.name, error=_told(error))
        ) from error


def _texts(markdown: str) -> dict[str, dict[str, str]]:
    """The texts under headings such as "# en: Amin is free"."""
    _before, *pieces = _HEADING.split(markdown)
    return {
        locale: {"title": title.strip(), "body": body.strip()}
        for locale, title, body in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True)
    }


@dataclass(frozen=True)
class _Text:
    """An update's text in one language."""

    title: str
    body: str


@dataclass(frozen=True)
class _Update:
    """An update as a file describes it."""

    kind: str
    occurred_on: date
    texts: dict[str, _Text]
    sources: list[str] = field(default_factory=list)
    statuses: dict[str, str] = field(default_factory=dict)
    corrects: int | None = None


def _update_draft(facts: dict[str, Any]) -> UpdateDraft:
    update = _checked(_Update, facts)
    texts = {locale: (text.title, text.body) for locale, text in update.texts.items()}
    return UpdateDraft(**{**vars(update), "texts": texts})
