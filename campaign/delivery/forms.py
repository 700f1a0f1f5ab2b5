"""What organizers choose to hand in, and the key to which contacts go."""

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, Field, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired, ValidationError

from campaign.delivery.operations import NoKey, public_key
from campaign.forms import ConsoleForm, at_most, needed, paragraphs
from campaign.i18n import LOCALES, country_name, number

LETTER_LENGTH = 10_000
ALL = "all"
STATEMENTS = (0, 6, 12, 24, 48)


class CountryForm(ConsoleForm):
    """One country of those that people signed from, or all."""

    country = SelectField(_l("Country"), validators=[InputRequired()])

    @property
    def chosen_country(self) -> str | None:
        """Its code; None for all of them."""
        return None if self.country.data == ALL else str(self.country.data)

    def offer(self, counted: dict[str, int]) -> None:
        """Offer the countries that are there, each with how many signed."""
        every = SelectChoice(ALL, str(_l("All countries")))
        named = sorted((country_name(code), code) for code in counted)
        self.country.choices = [
            every,
            *(SelectChoice(code, f"{name} ({number(counted[code])})") for name, code in named),
        ]


class DossierForm(CountryForm):
    """What goes into a dossier."""

    locale = HiddenField(validators=[AnyOf(LOCALES, _l("Please choose a language."))])
    cover_letter = TextAreaField(
        _l("Cover letter"),
        filters=[paragraphs],
        validators=[needed(_l("Please write some lines to those who receive this.")), at_most(LETTER_LENGTH)],
        render_kw={"rows": 16, "maxlength": LETTER_LENGTH},
    )
    has_names = BooleanField(_l("With the names of those who chose to show them"))
    statements = SelectField(_l("Words of signers"), coerce=int, validators=[InputRequired()])

    def offer(self, counted: dict[str, int]) -> None:
        """Offer countries, and how many statements."""
        super().offer(counted)
        self.statements.choices = [
            SelectChoice(str(some), str(_l("The newest %(count)s", count=number(some))) if some else str(_l("None")))
            for some in STATEMENTS
        ]


class NamesForm(CountryForm):
    """Names as a table."""


class ContactsForm(ConsoleForm):
    """The key to which contacts go out."""

    key = StringField(
        _l("Your age public key"),
        filters=[lambda text: (text or "").strip()],
        validators=[needed(_l("Please give the public key that only you can open.")), at_most(200)],
        render_kw={"autocomplete": "off", "spellcheck": "false", "dir": "ltr"},
    )

    def validate_key(self, field: Field) -> None:
        """A public key of age; a secret one is not even shown again."""
        try:
            public_key(field.data or "")
        except NoKey as refusal:
            if "SECRET" in (field.data or "").upper():
                field.data = ""
            raise ValidationError(str(refusal.sentence)) from None
