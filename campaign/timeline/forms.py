"""The forms by which updates are written, published and retracted."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import (
    DateField,
    Field,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.fields import SelectChoice
from wtforms.validators import NumberRange, Optional, ValidationError
from wtforms.widgets import HiddenInput

from campaign.campaigns.models import Campaign
from campaign.campaigns.queries import in_locale
from campaign.forms import ConsoleForm, at_most, needed, one_line, paragraphs
from campaign.i18n import current_locale
from campaign.timeline.drafting.operations import Content
from campaign.timeline.drafting.queries import language_name
from campaign.timeline.models import Draft, Kind, Status
from campaign.timeline.queries import published_update
from campaign.timeline.views import kind_name, status_name

TITLE, BODY, SOURCES = 200, 20_000, 5_000
YEARS = (1900, 2100)
QUARTERS = range(-12 * 4, 14 * 4 + 1)
"""The offsets of time zones from UTC, in quarters of an hour."""

ODD_QUARTERS = {23, 35, 51}
"""Nepal, Eucla and Chatham; elsewhere zones differ by half hours."""


def sensible_year(_form: ConsoleForm, field: Field) -> None:
    """A year that a slip of the finger did not make."""
    if field.data is not None and not YEARS[0] <= field.data.year <= YEARS[1]:
        raise ValidationError(_l("Please check the year."))


class TextsForm(ConsoleForm):
    """The texts of a draft: fields title_<locale> and body_<locale>. A translator gets this much."""

    revision = IntegerField(widget=HiddenInput(), validators=[NumberRange(min=1)])

    def content(self, draft: Draft) -> Content:
        """What the draft is to say now; what the form does not hold stays as it is."""
        return Content(**(draft.content | {"texts": self._texts(draft)}))

    def text_fields(self, locale: str) -> tuple[Field, Field] | None:
        """The fields for a language, if they are there."""
        return (self[f"title_{locale}"], self[f"body_{locale}"]) if f"title_{locale}" in self else None

    def _texts(self, draft: Draft) -> dict[str, dict[str, str]]:
        written = {name.removeprefix("title_") for name in self.data if name.startswith("title_")}
        typed = {at: {"title": self[f"title_{at}"].data, "body": self[f"body_{at}"].data} for at in sorted(written)}
        return {at: text for at, text in (draft.texts | typed).items() if text["title"] or text["body"]}


class ComposeForm(TextsForm):
    """All of a draft; for each person a field status_<id>."""

    kind = SelectField(_l("What happened"), validators=[Optional()])
    occurred_on = DateField(_l("On which day"), validators=[Optional(), sensible_year])
    sources = TextAreaField(_l("How we know"), filters=[paragraphs], validators=[at_most(SOURCES)])
    corrects = IntegerField(_l("It corrects entry number"), validators=[Optional(), NumberRange(min=1, max=2**31 - 1)])
    campaign: Campaign

    def content(self, draft: Draft) -> Content:
        """What the draft is to say now."""
        statuses = {name.removeprefix("status_"): value for name, value in self.data.items() if name[:7] == "status_"}
        corrected = published_update(self.campaign.id, self.corrects.data) if self.corrects.data else None
        return Content(
            kind=self.kind.data or None,
            occurred_on=self.occurred_on.data,
            sources=[line.strip() for line in (self.sources.data or "").splitlines() if line.strip()],
            texts=self._texts(draft),
            statuses={person: status for person, status in statuses.items() if status},
            corrects_id=corrected.id if corrected else None,
        )

    def validate_corrects(self, field: Field) -> None:
        """Only what is published is corrected."""
        if published_update(self.campaign.id, field.data) is None:
            raise ValidationError(_l("There is no published entry with this number."))


def compose_form(draft: Draft, locales: Iterable[str], *, is_whole: bool, is_typed: bool = True) -> Any:
    """The form for a draft, with what was typed, else with what it says; `locales`: those that may be written."""
    fields: dict[str, object] = {"campaign": draft.campaign}
    for locale in locales:
        fields |= _text_fields(locale)
    if is_whole:
        fields |= {f"status_{person.id}": _status_field(person, draft.campaign) for person in draft.campaign.people}
    kind = type("Form", (ComposeForm if is_whole else TextsForm,), fields)
    form = kind(data=_as_typed(draft)) if is_typed else kind(formdata=None, data=_as_typed(draft))
    if is_whole:
        kinds = [SelectChoice(kind.value, kind_name(kind)) for kind in Kind]
        form.kind.choices = [SelectChoice("", _("Please choose")), *kinds]
    return form


def _text_fields(locale: str) -> dict[str, object]:
    marks = {"lang": locale, "dir": "auto"}
    language = language_name(locale)
    return {
        f"title_{locale}": StringField(
            _l("Title in %(language)s", language=language),
            filters=[one_line],
            validators=[at_most(TITLE)],
            render_kw=marks | {"maxlength": TITLE},
        ),
        f"body_{locale}": TextAreaField(
            _l("Text in %(language)s", language=language),
            filters=[paragraphs],
            validators=[at_most(BODY)],
            render_kw=marks | {"rows": 9},
        ),
    }


def _status_field(person: Any, campaign: Campaign) -> SelectField:
    statuses = [SelectChoice(status.value, status_name(status)) for status in Status]
    name = in_locale(person.name, current_locale(), campaign.locale)
    return SelectField(name, choices=[SelectChoice("", _("Nothing new")), *statuses], validators=[Optional()])


def _as_typed(draft: Draft) -> dict[str, object]:
    texts = {f"{part}_{at}": text[part] for at, text in draft.texts.items() for part in ("title", "body")}
    return {
        "revision": draft.revision,
        "kind": draft.kind or "",
        "occurred_on": draft.occurred_on,
        "sources": "\n".join(draft.sources),
        "corrects": draft.corrects.number if draft.corrects else None,
        **{f"status_{person}": status for person, status in draft.statuses.items()},
        **texts,
    }


def differences(form: Any, saved: Any) -> list[tuple[str, str]]:
    """(label, what is saved) of each field in which something else was typed."""
    others = [saved[field.name] for field in form if field.name in saved and field.data != saved[field.name].data]
    return [
        (str(field.label.text), _in_words(field)) for field in others if field.name not in ("revision", "csrf_token")
    ]


def _in_words(field: Field) -> str:
    if isinstance(field, SelectField):
        return next((str(choice.label) for choice in field.choices if choice.value == field.data), "")
    return str(field.data or "")


def offset_name(quarters: int) -> str:
    """An offset from UTC as people write it: +05:30."""
    hours, rest = divmod(abs(quarters), 4)
    return f"{'-' if quarters < 0 else '+'}{hours:02}:{rest * 15:02}"


class PublishForm(ConsoleForm):
    """When to publish what was looked at."""

    revision = HiddenField()
    when = RadioField(_l("When"), default="now")
    day = DateField(_l("Day"), validators=[Optional(), sensible_year])
    clock = TimeField(_l("Time"), validators=[Optional()])
    offset = SelectField(_l("Your clock's distance from UTC"), default="0")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.when.choices = [SelectChoice("now", _("Now")), SelectChoice("later", _("At a time"))]
        zones = (quarters for quarters in QUARTERS if quarters % 2 == 0 or quarters in ODD_QUARTERS)
        self.offset.choices = [SelectChoice(str(quarters), f"UTC{offset_name(quarters)}") for quarters in zones]

    def validate_day(self, field: Field) -> None:
        """A time has a day and an hour."""
        if self.when.data == "later" and not (field.data and self.clock.data):
            raise ValidationError(_l("Please give a day and a time."))

    @property
    def at(self) -> datetime | None:
        """When, in UTC; None for now."""
        if self.when.data == "now":
            return None
        zone = timezone(timedelta(minutes=15 * int(self.offset.data)))
        day: date = self.day.data
        hour: time = self.clock.data
        return datetime.combine(day, hour, zone).astimezone(UTC)


class RetractForm(ConsoleForm):
    """Why an entry is retracted: fields reason_<locale>, of which one must be filled."""

    locales: tuple[str, ...] = ()

    def validate(self, extra_validators: Any = None) -> bool:
        """At least one reason."""
        is_valid: bool = super().validate(extra_validators)
        if is_valid and not self.reasons:
            self[f"reason_{self.locales[0]}"].errors = [_l("Please say why it is retracted.")]
        return is_valid and bool(self.reasons)

    @property
    def reasons(self) -> dict[str, str]:
        """The reasons that were given, by locale, the campaign's own language first."""
        typed = {locale: self[f"reason_{locale}"].data for locale in self.locales}
        return {locale: reason for locale, reason in typed.items() if reason}


def retract_form(locales: tuple[str, ...]) -> Any:
    """The form to retract an entry, with a reason in each language of the campaign or in one."""
    fields = {
        f"reason_{locale}": StringField(
            _l("Why, in %(language)s", language=language_name(locale)),
            filters=[one_line],
            validators=[at_most(500)],
            render_kw={"lang": locale, "dir": "auto", "maxlength": 500},
        )
        for locale in locales
    }
    return type("Form", (RetractForm,), fields | {"locales": locales})()


class TestForm(ConsoleForm):
    """In which language the test letter comes; empty for all."""

    language = SelectField(_l("Language"), validators=[Optional()])


class StopForm(ConsoleForm):
    """Stop a mailing for good."""

    word = StringField(
        _l("To stop it, type STOP"), filters=[one_line], validators=[needed(_l("Please type STOP to stop it."))]
    )

    def validate_word(self, field: Field) -> None:
        """It is typed, so that it is meant."""
        if (field.data or "").upper() != "STOP":
            raise ValidationError(_l("Please type STOP to stop it."))
