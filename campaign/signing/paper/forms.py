"""The forms of paper: a file, which column is which, how to write to those with an address."""

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms import Field, RadioField, SelectField
from wtforms.validators import ValidationError

from campaign.forms import ConsoleForm, one_of
from campaign.i18n import LOCALES
from campaign.signing.forms import APPEAR
from campaign.signing.invalidating.forms import choice, country_choices
from campaign.signing.models import Appear
from campaign.signing.paper.reading import FIELDS

ABSENT = "-"


class PaperForm(ConsoleForm):
    """The file."""

    file = FileField(
        _l("The list, as CSV"),
        validators=[FileRequired(_l("Please choose a file."))],
        render_kw={"accept": ".csv,text/csv"},
    )


def _column(label: object) -> SelectField:
    return SelectField(label, validate_choice=True)


class ColumnsForm(ConsoleForm):
    """Which column is which, and what goes for all."""

    name = _column(_l("Name"))
    email = _column(_l("E-mail"))
    country = _column(_l("Country"))
    city = _column(_l("Town or city"))
    affiliation = _column(_l("Organisation"))
    day = _column(_l("Day"))
    default_country = SelectField(
        _l("Country, where a row names none"), choices=lambda: country_choices(_l("None: such rows are wrong"))
    )
    locale = SelectField(_l("Language of the letters"), choices=[choice(code, name) for code, name in LOCALES.items()])
    appear = RadioField(
        _l("How do they appear once they confirm?"),
        choices=APPEAR,
        validate_choice=False,
        validators=[one_of(lambda: list(Appear), _l("Please choose how they appear."))],
    )

    def __init__(self, headers: Sequence[str], **values: Any) -> None:
        """The columns of this file are the choices."""
        super().__init__(**values)
        absent = choice(ABSENT, _l("Not in the file"))
        numbered = [choice(str(place), name or f"({place + 1})") for place, name in enumerate(headers)]
        for field in FIELDS:
            self[field].choices = [absent, *numbered]

    def validate_name(self, field: Field) -> None:
        """A signature has a name."""
        if field.data == ABSENT:
            raise ValidationError(_l("Please say which column holds the names."))

    def columns(self) -> dict[str, int]:
        """The place of each column that is there."""
        return {name: int(self[name].data) for name in FIELDS if self[name].data != ABSENT}

    def choices(self) -> dict[str, str]:
        """What goes for all."""
        return {"country": self.default_country.data, "locale": self.locale.data, "appear": self.appear.data}
