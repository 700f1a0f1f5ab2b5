"""The forms of invalidating: which signatures, and why."""

import re
from datetime import UTC, datetime

from flask_babel import lazy_gettext as _l
from wtforms import DateTimeLocalField, Field, RadioField, SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import Optional, ValidationError

from campaign.forms import ConsoleForm, at_most, needed, one_line, one_of, paragraphs
from campaign.i18n import LOCALES, countries, current_locale
from campaign.signing.forms import clean_source
from campaign.signing.invalidating.models import InvalidationKind
from campaign.signing.invalidating.queries import Criteria

_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]

KINDS = {
    InvalidationKind.FORGED: _l("Forged: they never signed"),
    InvalidationKind.REPEATED: _l("Repeated: one person, several addresses"),
    InvalidationKind.TRIAL: _l("A trial of the organizers"),
    InvalidationKind.OTHER: _l("Something else"),
}


def choice(value: str, label: object) -> SelectChoice:
    """A choice whose label is translated when it is shown."""
    return SelectChoice(value, label)  # type: ignore[arg-type]


def country_choices(first: object) -> list[SelectChoice]:
    """All countries in the locale of the page, after a first choice for none."""
    return [choice("", first), *(choice(code, name) for code, name in countries(current_locale()))]


def _domain(text: str | None) -> str:
    return one_line(text).lower().rpartition("@")[2].strip(". ")


class CriteriaForm(ConsoleForm):
    """Which signatures are meant."""

    domain = StringField(
        _l("Address ends in"), filters=[_domain], validators=[at_most(253)],
        render_kw={"dir": "ltr", "autocomplete": "off", "placeholder": "example.org"},
    )  # fmt: skip
    country = SelectField(_l("Country"), default="", choices=lambda: country_choices(_l("Any")))
    locale = SelectField(
        _l("Language"),
        default="",
        choices=[choice("", _l("Any")), *(choice(code, name) for code, name in LOCALES.items())],
    )
    source = StringField(_l("Source"), filters=[clean_source], render_kw={"dir": "ltr"})
    since = DateTimeLocalField(_l("Signed from (UTC)"), format=_FORMATS, validators=[Optional()])
    until = DateTimeLocalField(_l("Signed before (UTC)"), format=_FORMATS, validators=[Optional()])

    def validate_domain(self, field: Field) -> None:
        """A domain, and not an address."""
        if field.data and not _DOMAIN.fullmatch(field.data):
            raise ValidationError(_l("Write the part after the @, such as example.org."))

    def validate_until(self, field: Field) -> None:
        """After the beginning."""
        if field.data and self.since.data and field.data <= self.since.data:
            raise ValidationError(_l("The end must be after the beginning."))

    def criteria(self) -> Criteria:
        """What was typed."""
        return Criteria(
            domain=self.domain.data or "",
            country=self.country.data or "",
            locale=self.locale.data or "",
            source=self.source.data or "",
            since=_iso(self.since.data),
            until=_iso(self.until.data),
        )


def _iso(moment: datetime | None) -> str:
    return moment.replace(tzinfo=UTC).isoformat() if moment else ""


class VerdictForm(ConsoleForm):
    """Why they do not count, for everybody to read."""

    kind = RadioField(
        _l("What is wrong with them?"),
        choices=[choice(kind.value, words) for kind, words in KINDS.items()],
        validate_choice=False,
        validators=[one_of(lambda: list(InvalidationKind), _l("Please choose what is wrong with them."))],
    )
    reason = TextAreaField(
        _l("The reason, in public"),
        filters=[paragraphs],
        validators=[needed(_l("Please give the reason: everybody can read it beside the count.")), at_most(500)],
        render_kw={"maxlength": 500, "rows": 3, "dir": "auto"},
    )
