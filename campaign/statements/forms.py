"""The forms for a statement, for an endorsement, and for what moderators decide."""

import unicodedata
from enum import StrEnum
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import Field, HiddenField, IntegerField, RadioField, SelectChoice, SelectField, StringField
from wtforms.validators import AnyOf, Optional, ValidationError
from wtforms.widgets import HiddenInput

from campaign.forms import ConsoleForm, PublicForm, at_most, email_field, needed, one_line, one_of, statement_field
from campaign.i18n import countries, current_locale
from campaign.signing.forms import CountryField
from campaign.signing.operations import Request
from campaign.statements.models import Act, Reason
from campaign.statements.operations import EndorsementDraft, Verdict, request_to_endorse

MOST_MEMBERS = 1_000_000_000


class StatementForm(PublicForm):
    """Words to be left after signing."""

    statement = statement_field(needed(_l("Please write a few words.")))


class Capacity(StrEnum):
    """For whom somebody speaks."""

    MANDATED = "mandated"
    PERSONAL = "personal"


def _choice(value: str, label: object) -> SelectChoice:
    """A choice whose label is translated when it is shown."""
    return SelectChoice(value, label)  # type: ignore[arg-type]


CAPACITIES = [
    _choice(Capacity.MANDATED, _l("On behalf of the organisation")),
    _choice(Capacity.PERSONAL, _l("In a personal capacity")),
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


# For moderators

REASONS = {
    Reason.SPAM: _l("Advertising or spam"),
    Reason.INSULT: _l("Hate or insult"),
    Reason.DANGER: _l("Could put somebody in danger"),
    Reason.PRIVATE: _l("Tells something private of others"),
    Reason.FALSE: _l("Not true, or cannot be shown to be"),
    Reason.OFF_TOPIC: _l("Not about this campaign"),
    Reason.UNPROVEN: _l("Not shown to speak for the organisation"),
    Reason.OTHER: _l("Another reason"),
}


class DecisionForm(ConsoleForm):
    """What a moderator decides; `seen` is the newest decision that the page showed, `next` where to go on."""

    act = HiddenField(validators=[AnyOf([act.value for act in Act])])
    reason = SelectField(
        _l("Reason"),
        choices=[_choice("", _l("Choose…")), *(_choice(reason, words) for reason, words in REASONS.items())],
        validate_choice=False,  # whoever approves sends none
    )
    note = StringField(
        _l("In your own words"), filters=[one_line], validators=[at_most(500)], render_kw={"maxlength": 500}
    )
    seen = IntegerField(widget=HiddenInput(), validators=[Optional()])
    next = HiddenField()

    def __init__(self, *arguments: Any, prefix: str, **named: Any) -> None:
        super().__init__(*arguments, prefix=f"{prefix}-", **named)
        self.key = prefix

    def validate_reason(self, field: Field) -> None:
        """Nothing is rejected without a reason."""
        if field.data and field.data not in list(Reason):
            raise ValidationError(_l("Please choose a reason from the list."))
        if self.act.data in list(Act) and not self.verdict().is_explained:
            raise ValidationError(_l("Please say why: choose a reason, or write one."))

    def verdict(self) -> Verdict:
        """What is decided; a reason is kept only where something is rejected."""
        act = Act(self.act.data)
        reason = Reason(self.reason.data) if self.reason.data in list(Reason) and act == Act.REJECTED else None
        return Verdict(act, reason, self.note.data or None)
