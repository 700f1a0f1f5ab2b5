"""Making a dossier; asking for an export of contacts, and taking it away."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pyrage
from flask_babel import gettext as _
from sqlalchemy import func, select

from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import in_locale
from campaign.db import db
from campaign.delivery.models import Dossier
from campaign.delivery.queries import EXPORT_CONTACTS, EXPORT_LASTS
from campaign.errors import Refusal
from campaign.i18n import speaking
from campaign.organizers.models import Approval, Errand, Organizer, Role
from campaign.organizers.operations import Order, Wish, ask_second, send_errand
from campaign.organizers.queries import role_in
from campaign.sealing import Sealer

EXPORT = "export"


class NothingThere(Refusal):
    """The file is gone: a day is over, or it was taken."""

    status = 410


class NoKey(Refusal):
    """That is no public key."""


@dataclass(frozen=True)
class DossierDraft:
    """What an organizer chose to hand in."""

    locale: str
    country: str | None
    cover_letter: str
    has_names: bool
    statements: int


def make_dossier(campaign_id: int, draft: DossierDraft, now: datetime) -> Dossier:
    """Keep what was chosen, and the letter, under the next number."""
    db.session.get_one(Campaign, campaign_id, with_for_update=True)
    last = db.session.scalar(select(func.max(Dossier.number)).where(Dossier.campaign_id == campaign_id)) or 0
    dossier = Dossier(campaign_id=campaign_id, number=last + 1, made_at=now, **vars(draft))
    db.session.add(dossier)
    db.session.flush()
    return dossier


def suggested_letter(campaign: Campaign, locale: str) -> str:
    """A letter to begin with, in the language, made of the campaign's targets and demands (Markdown)."""
    with speaking(locale):
        text = campaign.text_in(locale)
        demands = "\n".join(f"- {demand}" for demand in text.demands)
        return "\n\n".join(
            part
            for part in (
                _("Dear Sir or Madam,"),
                _("We hand you the appeal “%(title)s”.", title=text.title) + " " + text.summary,
                _("Everybody who is counted or named in these pages asks:") if demands else "",
                demands,
                _("Please take this appeal to those who decide, and let us know what they answer."),
                _("We are ready to meet you at any time."),
                _("Respectfully,"),
            )
            if part
        )


def addressees(campaign: Campaign, locale: str) -> list[str]:
    """To whom the letter goes."""
    return [in_locale(target.name, locale, campaign.locale) for target in campaign.targets]


def public_key(text: str) -> str:
    """The age public key in a text; raises NoKey. The secret one is refused with advice."""
    key = text.strip()
    if "AGE-SECRET-KEY-" in key.upper():
        raise NoKey(
            _("This is the secret key. Keep it to yourself; make a new pair, and give the line that begins with age1.")
        )
    try:
        return str(pyrage.x25519.Recipient.from_str(key))
    except pyrage.RecipientError:
        raise NoKey(_("This is not an age public key. One is a single line that begins with age1.")) from None


def ask_second_for_export(campaign_id: int, key: str, by: Organizer, now: datetime) -> Approval:
    """Ask a second organizer to let the contacts go out to this key; raises NoKey."""
    key = public_key(key)
    return ask_second(Wish(EXPORT, campaign_id, digest=_digest(key), payload={"key": key}), by, now)


def export_contacts(campaign_id: int, key: str, sealer: Sealer, by: Organizer, now: datetime) -> Errand:
    """Have the worker encrypt the contacts of those who agreed to this key; raises NoKey."""
    return send_errand(Order(EXPORT_CONTACTS, campaign_id, {"key": public_key(key)}), sealer, by, now)


def export_approved(approval: Approval, sealer: Sealer, now: datetime) -> Errand:
    """Do what was granted; raises Refusal when it is not what was asked for, or who asked is no owner any more."""
    key = str(approval.payload.get("key", ""))
    if _digest(key) != approval.digest:
        raise Refusal(_("This is not the key that the export was asked for. Please ask again."))
    if not approval.asked_by.active or role_in(approval.asked_by_id, approval.campaign_id) != Role.OWNER:
        raise Refusal(_("Who asked for this export is not an owner of the campaign any more."))
    return export_contacts(approval.campaign_id, key, sealer, approval.asked_by, now)


def _digest(key: str) -> bytes:
    """What binds an approval to the key that it was asked for."""
    return hashlib.sha256(key.encode()).digest()


def take_export(campaign_id: int, errand_id: UUID, by: Organizer, now: datetime) -> bytes:
    """The encrypted contacts, once, for who asked for them; raises NothingThere. They are deleted with it."""
    theirs = select(Errand).where(
        Errand.id == errand_id,
        Errand.campaign_id == campaign_id,
        Errand.kind == EXPORT_CONTACTS,
        Errand.organizer_id == by.id,
        Errand.ended_at > now - EXPORT_LASTS,
    )
    errand = db.session.scalar(theirs.with_for_update())
    if errand is None or errand.file is None:
        raise NothingThere(_("The file is not here any more. Please ask for a new export."))
    content, errand.file = errand.file, None
    db.session.flush()
    return content
