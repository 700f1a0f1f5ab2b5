"""The base of the public forms: what people type, cleaned, checked, and answered in sentences."""

import unicodedata
from collections.abc import Callable
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from wtforms import Field, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from campaign.sealing import EmailAddress

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that could make one name look like another, or turn the page around it."""


class PublicForm(FlaskForm):
    """A form that anybody may send. It carries no token, so that its page can be cached by anyone.

    Cross-site requests are refused by their headers (web.py); `website` is a field that only machines fill.
    """

    class Meta:
        """No CSRF token."""

        csrf = False

        def wrap_formdata(self, form: FlaskForm, formdata: Any) -> Any:
            """Take what came as a form, and nothing that came as JSON."""
            is_automatic = formdata is not None and not isinstance(formdata, MultiDict)
            return (request.form if request.method == "POST" else None) if is_automatic else formdata

    website = StringField(_l("Leave this empty"), filters=[lambda text: (text or "").strip()])

    @property
    def is_from_machine(self) -> bool:
        """Whether the field that people do not see was filled."""
        return bool(self.website.data)


class ConsoleForm(FlaskForm):
    """A form of the console. It carries a token, and keeps what was typed when it is refused."""


def one_line(text: str | None) -> str:
    """White space folded to single spaces; control and direction-changing characters gone."""
    return " ".join(_clean(text or "", keep="").split())


def paragraphs(text: str | None) -> str:
    """The same, with its line breaks kept."""
    return _clean((text or "").replace("\r\n", "\n"), keep="\n").strip()


def _clean(text: str, keep: str) -> str:
    return "".join(
        " " if char in "\n\r\t" and char not in keep else char
        for char in text
        if char in "\n\r\t"
        or (unicodedata.category(char) not in ("Cc", "Cs", "Co", "Cn") and char not in _BIDI_CONTROLS)
    )


def needed(sentence: object) -> DataRequired:
    """A field that must be filled, with the sentence that says so."""
    return DataRequired(message=sentence)


def at_most(length: int) -> Length:
    """At most so many characters."""
    return Length(max=length, message=_l("This is too long: at most %(max)d characters fit."))


def one_of(values: Callable[[], Any], sentence: object) -> Callable[[PublicForm, Field], None]:
    """One of the values that are on offer."""

    def check(_form: PublicForm, field: Field) -> None:
        if field.data not in values():
            raise ValidationError(sentence)

    check.field_flags = {"required": True}  # type: ignore[attr-defined]
    return check


def email_address(_form: PublicForm, field: Field) -> None:
    """An address that letters can be sent to, by its spelling."""
    try:
        EmailAddress.parse(field.data or "")
    except ValueError:
        raise ValidationError(
            _l("This does not look like an e-mail address. One looks like name@example.org.")
        ) from None


def email_field() -> StringField:
    """The field for an e-mail address."""
    return StringField(
        _l("E-mail"),
        filters=[lambda text: (text or "").strip()],
        validators=[
            needed(_l("Please give your e-mail address: the letter to confirm goes there.")),
            at_most(254),
            email_address,
        ],
        render_kw={"type": "email", "maxlength": 254},
    )


def statement_field(*validators: Any) -> TextAreaField:
    """The field for a signer's words."""
    return TextAreaField(
        _l("Your words"), filters=[paragraphs], validators=[*validators, at_most(2000)], render_kw={"maxlength": 2000}
    )
