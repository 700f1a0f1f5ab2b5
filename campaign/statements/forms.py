"""The forms for a statement, and for an endorsement."""

import unicodedata
from enum import StrEnum

from flask_babel import lazy_gettext as _l
from wtforms import Field, RadioField, SelectChoice, StringField
from wtforms.validators import ValidationError

from campaign.forms import PublicForm, at_most, email_field, needed, one_line, one_of, statement_field
from campaign.i18n import countries, current_locale
from campaign.signing.forms import CountryField
from campaign.signing.operations import Request
from campaign.statements.operations import EndorsementDraft, request_to_endorse

MOST_MEMBERS = 1_000_000_000


class StatementForm(PublicForm):
    """Words to be left after signing."""

    statement = statement_field(needed(_l("Please write a few words.")))


class Capacity(StrEnum):
    """For whom somebody speaks."""

    MANDATED = "mandated"
    PERSONAL = "personal"


CAPACITIES = [
    SelectChoice(Capacity.MANDATED.value, _l("On behalf of the organisation")),  # type: ignore[arg-type]
    SelectChoice(Capacity.PERSONAL.value, _l("In a personal capacity")),  # type: ignore[arg-type]
]


def whole_number(text: str | None) -> int | None:
    """The number that somebody wrote with whatever digits and separators: '310,000', '۳۱۰٬۰۰۰'; None for none.

    Raises ValueError for what is not a whole number.
    """
    digits = "".join(char for char in text or "" if not (char.isspace() or char in ",.'’٬،_"))
    if not digits:
        return None
    return int("".join(str(unicodedata.digit(char)) for char in digits))


def _counts_members(form: PublicForm, field: Field) -> None:
    try:
        members = whole_number(field.data)
    except ValueError:
        raise ValidationError(_l("Please write a whole number, such as 1200, or leave it empty.")) from None
    if members is not None and not 0 < members <= MOST_MEMBERS:
        raise ValidationError(_l("Please write a number between 1 and one billion, or leave it empty."))


def _line(label: object, most: int, *validators: object) -> StringField:
    return StringField(
        label, filters=[one_line], validators=[*validators, at_most(most)], render_kw={"maxlength": most}
    )


class EndorsementForm(PublicForm):
    """What one gives to endorse."""

    organisation = _line(_l("Organisation"), 160, needed(_l("Please give the name of the organisation.")))
    country = CountryField(
        _l("Country"),
        validators=[one_of(lambda: dict(countries(current_locale())), _l("Please choose the country."))],
    )
    represents = StringField(
        _l("Members represented"), filters=[one_line], validators=[_counts_members], render_kw={"maxlength": 20}
    )
    speaker = _line(_l("Your name"), 120, needed(_l("Please give your name.")))
    office = _line(_l("Your office"), 120, needed(_l("Please say what you are in the organisation.")))
    capacity = RadioField(
        _l("For whom do you speak?"),
        choices=CAPACITIES,
        validate_choice=False,
        validators=[one_of(lambda: list(Capacity), _l("Please choose for whom you speak."))],
    )
    email = email_field()
    statement = statement_field()

    def request(self) -> Request:
        """What was typed, ready to be sealed."""
        locale = current_locale()
        draft = EndorsementDraft(
            organisation=self.organisation.data or "",
            country=self.country.data or None,
            represents=whole_number(self.represents.data),
            speaker=self.speaker.data or None,
            office=self.office.data or None,
            is_personal=self.capacity.data == Capacity.PERSONAL,
            statement={locale: self.statement.data} if self.statement.data else None,
        )
        return request_to_endorse(locale, self.email.data or "", draft)
