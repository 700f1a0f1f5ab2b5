"""The console's forms about a campaign: founding it, its texts, people, photos, targets, settings and outcome."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeVar
from unicodedata import normalize

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    DateField,
    HiddenField,
    IntegerField,
    SelectChoice,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import NumberRange, Optional, StopValidation, ValidationError

from campaign import clock
from campaign.campaigns.models import HIGHEST_GOAL, TARGET_KINDS, Campaign, CampaignText, Person, Photo, Target
from campaign.campaigns.operations import CampaignDraft, PersonDraft, TargetDraft, TextDraft
from campaign.campaigns.settings import Settings
from campaign.db import Translated
from campaign.forms import ConsoleForm, at_most, needed, one_line, paragraphs
from campaign.i18n import LOCALES, countries, current_locale, direction

F = TypeVar("F", bound=ConsoleForm)

FIRST_GOAL = 100
DEMANDS, BODY = 4_000, 30_000


def _line(label: object, *validators: Any, longest: int = 200, **attributes: object) -> StringField:
    return StringField(
        label,
        filters=[one_line],
        validators=[*validators, at_most(longest)],
        render_kw={"maxlength": longest, "dir": "auto", **attributes},
    )


def _lines(label: object, longest: int, rows: int, *validators: Any) -> TextAreaField:
    return TextAreaField(
        label,
        filters=[paragraphs],
        validators=[*validators, at_most(longest)],
        render_kw={"maxlength": longest, "rows": rows, "dir": "auto"},
    )


def in_each_language(field: Callable[[str], Any], name: str) -> Callable[[type[F]], type[F]]:
    """Give a form a field for each language, as `name_en`; `field(language)` makes one."""

    def decorate(form: type[F]) -> type[F]:
        for code, language in LOCALES.items():
            made = field(language)
            made.kwargs["render_kw"] = {**made.kwargs["render_kw"], "lang": code, "dir": direction(code)}
            setattr(form, f"{name}_{code}", made)
        return form

    return decorate


def translated(form: ConsoleForm, name: str) -> Translated:
    """What was typed into such a field, by locale; empty ones are left out."""
    return {code: form[f"{name}_{code}"].data for code in LOCALES if form[f"{name}_{code}"].data}


def _spread(name: str, texts: Mapping[str, str | None]) -> dict[str, str | None]:
    return {f"{name}_{code}": texts.get(code) for code in LOCALES}


def _of_today(_form: ConsoleForm, field: DateField) -> None:
    if field.data is not None and field.data > clock.today():
        raise ValidationError(_("This day has not come yet."))


class _Words(ConsoleForm):
    """What people sign."""

    title = _line(_l("Title"), needed(_l("Please give a title: what do you ask for?")), longest=120)
    summary = _lines(_l("Summary"), 600, 3)
    body = _lines(_l("Text"), BODY, 14)
    demands = _lines(_l("Demands"), DEMANDS, 4)

    def draft(self) -> TextDraft:
        """The text as it was typed; each line of the demands is one."""
        demands = [line.strip() for line in (self.demands.data or "").splitlines()]
        return TextDraft(
            self.title.data or "", self.summary.data or "", self.body.data or "", [line for line in demands if line]
        )


class TextForm(_Words):
    """A campaign's text in one language. `seen` is when the text was written that the form was filled with."""

    outcome = _lines(_l("How it ended"), 1_000, 3)
    seen = HiddenField()

    @classmethod
    def of(cls, text: CampaignText | None) -> Self:
        """The form, filled with the text that there is."""
        if text is None:
            return cls()
        facts = {name: getattr(text, name) for name in ("title", "summary", "body", "outcome")}
        return cls(data={**facts, "demands": "\n".join(text.demands), "seen": text.changed_at.isoformat()})

    def draft(self) -> TextDraft:
        """The text as it was typed."""
        words = super().draft()
        return TextDraft(**{**vars(words), "outcome": self.outcome.data or None})

    def is_of(self, text: CampaignText | None) -> bool:
        """Whether the text is still the one that the form was filled with."""
        return (self.seen.data or "") == (text.changed_at.isoformat() if text else "")


def _with_a_name(form: ConsoleForm, field: DateField) -> None:
    """Whoever has a name has a day on which it began."""
    if form["person_name"].data and field.data is None:
        raise StopValidation(_("Please give the day on which the person was taken."))


class FoundForm(_Words):
    """What a new campaign begins with: a language, a text, an address; perhaps a person."""

    language = SelectField(_l("Language of the original"), choices=[SelectChoice(*pair) for pair in LOCALES.items()])
    slug = StringField(
        _l("Address"),
        filters=[lambda text: (text or "").strip().lower()],
        validators=[at_most(63)],
        render_kw={"maxlength": 63, "dir": "ltr", "autocapitalize": "none", "spellcheck": "false"},
    )
    person_name = _line(_l("Name of the person"), longest=120)
    person_since = DateField(_l("Taken on"), validators=[_with_a_name, Optional(), _of_today])

    def validate_slug(self, field: StringField) -> None:
        """An address made from the title, where it can be; else it is asked for."""
        field.data = field.data or slug_of(self.title.data or "")
        if self.title.data and not field.data:
            raise ValidationError(
                _("No address can be made from this title. Please write one, in the letters a to z: release-amin.")
            )

    def campaign_draft(self) -> CampaignDraft:
        """The campaign as it was typed."""
        language = self.language.data
        people = [PersonDraft({language: self.person_name.data}, self.person_since.data)]
        return CampaignDraft(
            slug=self.slug.data,
            locale=language,
            texts={language: self.draft()},
            people=people if self.person_name.data else [],
            targets=[],
            goal=FIRST_GOAL,
            goal_grows=True,
        )


def slug_of(title: str) -> str:
    """An address from a title; nothing where the title has no Latin letters."""
    plain = normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")


@in_each_language(lambda language: _line(_l("Name (%(language)s)", language=language), longest=120), "name")
@in_each_language(lambda language: _line(_l("Who it is (%(language)s)", language=language)), "role")
class PersonForm(ConsoleForm):
    """One whom the campaign is for."""

    age = IntegerField(_l("Age"), validators=[Optional(), NumberRange(0, 120)])
    since = DateField(_l("Taken on"), validators=[needed(_l("Please give the day on which it began.")), _of_today])

    @classmethod
    def of(cls, person: Person | None) -> Self:
        """The form, filled with what is known, and then with what was typed."""
        return cls(data=cls._known(person)) if person else cls()

    @classmethod
    def beside(cls, person: Person) -> Self:
        """The form, filled with what is known, where something else was sent."""
        return cls(formdata=None, data=cls._known(person))

    @staticmethod
    def _known(person: Person) -> dict[str, object]:
        words = {**_spread("name", person.name), **_spread("role", person.role)}
        return {"age": person.age, "since": person.since, **words}

    def draft(self) -> PersonDraft:
        """The person as they were typed."""
        return PersonDraft(translated(self, "name"), self.since.data, translated(self, "role"), self.age.data)


@in_each_language(lambda language: _line(_l("What it shows (%(language)s)", language=language), longest=300), "alt")
class PhotoForm(ConsoleForm):
    """A photo of a person, and what it shows in words."""

    photo = FileField(_l("Photo"), render_kw={"accept": "image/jpeg,image/png,image/webp"})

    @classmethod
    def of(cls, photo: Photo | None) -> Self:
        """The form, filled with the words that there are."""
        return cls(data=_spread("alt", photo.alt if photo else {}))


KINDS = dict(
    zip(TARGET_KINDS, (_l("Authority"), _l("Government"), _l("Embassy"), _l("Company"), _l("Other")), strict=True)
)


@in_each_language(lambda language: _line(_l("Name (%(language)s)", language=language)), "name")
class TargetForm(ConsoleForm):
    """One to whom the demands go."""

    kind = SelectField(_l("Kind"), choices=[SelectChoice(kind, word) for kind, word in KINDS.items()])  # type: ignore[arg-type]

    @classmethod
    def of(cls, target: Target | None) -> Self:
        """The form, filled with what is known."""
        return cls() if target is None else cls(data={"kind": target.kind, **_spread("name", target.name)})

    def draft(self) -> TargetDraft:
        """The target as it was typed."""
        return TargetDraft(self.kind.data, translated(self, "name"))


def _all_countries() -> list[SelectChoice]:
    return [SelectChoice("", _("None")), *(SelectChoice(*pair) for pair in countries(current_locale()))]


_WHOLE = _l("Please give a whole number.")


class SettingsForm(ConsoleForm):
    """What a campaign decides about itself."""

    country = SelectField(_l("Country"), choices=_all_countries)
    hashtag = _line(_l("Hashtag"), longest=60)
    goal = IntegerField(_l("Goal"), validators=[NumberRange(1, HIGHEST_GOAL, _WHOLE)], render_kw={"min": 1})
    goal_grows = BooleanField(_l("The goal grows in steps"))
    second_above = IntegerField(
        _l("A mailing to more than so many readers"),
        validators=[Optional(), NumberRange(0, HIGHEST_GOAL, _WHOLE)],
        render_kw={"min": 0},
    )
    second_for_status = BooleanField(_l("Telling that somebody was released or killed"))
    second_for_export = BooleanField(_l("Taking contacts out"))

    @classmethod
    def of(cls, campaign: Campaign) -> Self:
        """The form, filled with what holds."""
        return cls(obj=campaign)

    def settings(self) -> Settings:
        """The settings as they were chosen."""
        return Settings(
            country=self.country.data or None,
            hashtag=self.hashtag.data or None,
            goal=self.goal.data,
            goal_grows=self.goal_grows.data,
            second_above=self.second_above.data,
            second_for_status=self.second_for_status.data,
            second_for_export=self.second_for_export.data,
        )


@in_each_language(lambda language: _lines(_l("How it ended (%(language)s)", language=language), 1_000, 3), "outcome")
class OutcomeForm(ConsoleForm):
    """How a campaign ended, in each language."""

    @classmethod
    def of(cls, campaign: Campaign) -> Self:
        """The form, filled with the outcomes that there are."""
        return cls(data=_spread("outcome", {text.locale: text.outcome for text in campaign.texts}))
