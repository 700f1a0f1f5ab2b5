"""The forms of signing, following, asking for a link, changing what one chose; and of searching, for organizers."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from flask import request
from flask_babel import lazy_gettext as _l
from markupsafe import Markup
from wtforms import BooleanField, HiddenField, RadioField, SelectChoice, StringField
from wtforms.validators import AnyOf, Optional
from wtforms.widgets import html_params

from campaign.forms import (
    ConsoleForm,
    PublicForm,
    at_most,
    email_address,
    email_field,
    needed,
    one_line,
    one_of,
    statement_field,
)
from campaign.i18n import LOCALES, countries, current_locale
from campaign.mailing.models import News
from campaign.signing.models import Appear, organisation_key
from campaign.signing.operations import Request
from campaign.signing.queries import Wanted


def _choice(value: str, label: object) -> SelectChoice:
    """A choice whose label is translated when it is shown."""
    return SelectChoice(value, label)  # type: ignore[arg-type]


APPEAR = [
    _choice(Appear.NAME, _l("With my name")),
    _choice(Appear.INITIALS, _l("With my initials and my country")),
    _choice(Appear.COUNT, _l("Only in the count")),
]
NEWS = [
    _choice(News.ALL, _l("Everything that happens")),
    _choice(News.STATUS, _l("Only when somebody's status changes")),
    _choice(News.WEEKLY, _l("One letter a week")),
    _choice(News.NONE, _l("No news")),
]
LANGUAGES = [_choice(code, name) for code, name in LOCALES.items()]


LONGEST_ORGANISATION = 120

_NOT_IN_A_SOURCE = re.compile(r"[^a-z0-9._-]+")
LONGEST_SOURCE = 40


def clean_source(text: str | None) -> str:
    """Where somebody came from, in the few characters that a source may have: a to z, digits, dot, hyphen, low line."""
    return _NOT_IN_A_SOURCE.sub("-", (text or "").strip().lower()).strip("-")[:LONGEST_SOURCE]


def named_source() -> str:
    """The source that the link to this page names."""
    return request.args.get("source") or request.args.get("utm_source") or ""


def _contact_field() -> BooleanField:
    return BooleanField(_l("The organizers may write to me themselves"))


def _appear_field() -> RadioField:
    known = one_of(lambda: list(Appear), _l("Please choose how you want to appear."))
    return RadioField(_l("How do you want to appear?"), choices=APPEAR, validate_choice=False, validators=[known])


def _news_field(choices: list[SelectChoice]) -> RadioField:
    known = one_of(lambda: [choice.value for choice in choices], _l("Please choose which news you want."))
    return RadioField(_l("Which news do you want?"), choices=choices, validate_choice=False, validators=[known])


def _language_field() -> RadioField:
    """The language of a reader's letters; who sends a form without it keeps theirs."""
    known = AnyOf(list(LOCALES), _l("Please choose one of these languages."))
    return RadioField(
        _l("In which language do you want your letters?"),
        choices=LANGUAGES,
        validate_choice=False,
        validators=[Optional(), known],
    )


@cache
def _options(locale: str) -> tuple[tuple[str, Markup], ...]:
    return tuple(
        (code, Markup('<option value="{}">{}</option>').format(code, name)) for code, name in countries(locale)
    )


class CountryField(StringField):
    """A choice of country. Its 250 options are written once for each locale, not on each page."""

    def __call__(self, **attributes: object) -> Markup:
        """The select element."""
        options = [_selected(option) if code == self.data else option for code, option in _options(current_locale())]
        first = Markup('<option value="">{}</option>').format(_l("Choose…"))
        names = {"id": self.id, "name": self.name, "required": True, **attributes}
        return Markup("<select {}>{}</select>").format(Markup(html_params(**names)), first + Markup("").join(options))  # noqa: S704


def _selected(option: Markup) -> Markup:
    return Markup(str(option).replace("<option ", "<option selected ", 1))  # noqa: S704 - of our own making


class SignForm(PublicForm):
    """What one gives to sign."""

    name = StringField(
        _l("Your name"), filters=[one_line], validators=[needed(_l("Please give your name.")), at_most(120)],
        render_kw={"maxlength": 120},
    )  # fmt: skip
    email = email_field()
    country = CountryField(
        _l("Country"),
        validators=[one_of(lambda: dict(countries(current_locale())), _l("Please choose your country."))],
    )
    city = StringField(_l("Town or city"), filters=[one_line], validators=[at_most(80)], render_kw={"maxlength": 80})
    affiliation = StringField(
        _l("Organisation"),
        filters=[one_line],
        validators=[at_most(LONGEST_ORGANISATION)],
        render_kw={"maxlength": LONGEST_ORGANISATION},
    )
    appear = _appear_field()
    news = _news_field(NEWS)
    statement = statement_field()
    version = HiddenField()
    may_contact = _contact_field()
    source = HiddenField(default=named_source, filters=[clean_source])

    def request(self) -> Request:
        """What was typed, ready to be sealed; and the number of the version of the text that was shown."""
        typed = {name: value for name, value in self.data.items() if name not in ("website", "version")}
        shown = self.version.data or ""
        version_id = int(shown) if shown.isascii() and shown.isdecimal() and len(shown) < 10 else None
        return Request(kind="sign", locale=current_locale(), text_version_id=version_id, **typed)


class FollowForm(PublicForm):
    """What one gives to follow without signing."""

    email = email_field()
    news = _news_field(NEWS[:-1])

    def request(self) -> Request:
        """What was typed, ready to be sealed."""
        return Request(kind="follow", locale=current_locale(), email=self.email.data or "", news=self.news.data)


class LinkForm(PublicForm):
    """What one gives to get a lost link again."""

    email = email_field()

    def request(self) -> Request:
        """What was typed, ready to be sealed."""
        return Request(kind="link", locale=current_locale(), email=self.email.data or "")


class YoursForm(PublicForm):
    """What a signer may change."""

    appear = _appear_field()
    news = _news_field(NEWS)
    language = _language_field()
    may_contact = _contact_field()


class FollowerForm(PublicForm):
    """What a follower may change."""

    news = _news_field(NEWS)
    language = _language_field()


@dataclass(frozen=True)
class Filter:
    """What a public list is read by, as its address says it; what cannot be meant is wanted, and found nowhere."""

    country: str = ""
    organisation: str = ""

    @classmethod
    def asked(cls, *names: str) -> Self:
        """What the present address asks for by these names."""
        asked = {name: one_line(request.args.get(name))[:LONGEST_ORGANISATION] for name in names}
        return cls(**asked | {"country": asked["country"].upper()})

    @property
    def values(self) -> dict[str, Any]:
        """What the address of the next page carries on."""
        return {name: value for name, value in vars(self).items() if value}

    def wanted(self) -> Wanted | None:
        """What is to be looked for; None where there can be nothing: no such country, no letter of a name."""
        key = organisation_key(self.organisation)
        is_possible = (not self.country or self.is_of_a_country) and (not self.organisation or key is not None)
        return Wanted(self.country or None, key) if is_possible else None

    @property
    def is_of_a_country(self) -> bool:
        """Whether it names a country that there is."""
        return self.country in dict(countries(current_locale()))


class NameForm(ConsoleForm):
    """A part of a public name."""

    name = StringField(
        _l("Name, as it is shown"),
        filters=[one_line],
        validators=[needed(_l("Please give a part of the name.")), at_most(120)],
        render_kw={"autocomplete": "off", "maxlength": 120},
    )
    before = HiddenField()


class AddressForm(ConsoleForm):
    """An exact address: only the worker can look for it."""

    address = StringField(
        _l("Exact e-mail address"),
        filters=[lambda text: (text or "").strip()],
        validators=[needed(_l("Please give the address.")), at_most(254), email_address],
        render_kw={"type": "email", "autocomplete": "off", "maxlength": 254, "dir": "ltr"},
    )
