"""The forms of accounts and members."""

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import DateField, Field, PasswordField, RadioField, SelectChoice, SelectField, StringField, validators
from wtforms.validators import ValidationError

from campaign.forms import ConsoleForm, at_most, email_field, needed, one_line, one_of
from campaign.i18n import LOCALES
from campaign.organizers.models import Role
from campaign.organizers.names import LONGEST_NAME, name_key
from campaign.organizers.proofs import normal_password, password_problem
from campaign.organizers.queries import organizer_by_name

ROLES = {
    Role.OWNER: _l("Owner"),
    Role.EDITOR: _l("Editor"),
    Role.MODERATOR: _l("Moderator"),
    Role.TRANSLATOR: _l("Translator"),
}


def _role_field() -> RadioField:
    known = one_of(lambda: list(Role), _l("Please choose a role."))
    choices = [SelectChoice(role.value, name) for role, name in ROLES.items()]  # type: ignore[arg-type]
    return RadioField(_l("Role"), choices=choices, validate_choice=False, validators=[known])


class NewPassword(ConsoleForm):
    """A new password, twice."""

    password = PasswordField(
        _l("Password"), filters=[normal_password], validators=[needed(_l("Please choose a password."))]
    )
    again = PasswordField(
        _l("The password once more"),
        filters=[normal_password],
        validators=[validators.EqualTo("password", _l("The two do not agree."))],
    )

    def validate_password(self, field: Field) -> None:
        """Long enough and not common."""
        if problem := password_problem(field.data or ""):
            raise ValidationError(problem)


class WelcomeForm(NewPassword):
    """What an invited organizer chooses."""

    username = StringField(
        _l("Your name here"),
        filters=[one_line],
        validators=[needed(_l("Please choose a name to sign in with.")), at_most(LONGEST_NAME)],
        render_kw={"autocomplete": "username", "maxlength": LONGEST_NAME},
    )

    def validate_username(self, field: Field) -> None:
        """Nobody else signs in with this name."""
        if len(name_key(field.data)) < 2:
            raise ValidationError(_l("Please take two characters or more."))
        if organizer_by_name(field.data) is not None:
            raise ValidationError(_l("Somebody signs in with this name already. Please take another."))


class ForgotForm(ConsoleForm):
    """Whose password was forgotten."""

    username = StringField(
        _l("The name that you sign in with"),
        filters=[one_line],
        validators=[needed(_l("Please give the name that you sign in with.")), at_most(LONGEST_NAME)],
        render_kw={"autocomplete": "username"},
    )


class InviteForm(ConsoleForm):
    """Whom to invite, and as what."""

    email = email_field()
    role = _role_field()


class RoleForm(ConsoleForm):
    """Another role for a member."""

    role = _role_field()


class LocaleForm(ConsoleForm):
    """The language of the console and of the letters to an organizer."""

    locale = SelectField(_l("Language"), choices=[SelectChoice(code, name) for code, name in LOCALES.items()])


class LogForm(ConsoleForm):
    """Which lines of the log. It changes nothing, so it is sent by GET and carries no token."""

    class Meta:
        """No token."""

        csrf = False

        def wrap_formdata(self, _form: Any, formdata: Any) -> Any:
            """What was given."""
            return formdata

    organizer = SelectField(_l("Who"), validate_choice=False)
    act = SelectField(_l("What"), validate_choice=False)
    since = DateField(_l("From"), validators=[validators.Optional()])
    until = DateField(_l("To"), validators=[validators.Optional()])
