"""What proves who somebody is: passwords, codes and passkeys, stricter than Flask-Security has them."""

import unicodedata
from functools import cache
from typing import Any, cast

from flask import session
from flask_babel import gettext as _
from flask_security import (
    LoginForm,
    MfRecoveryCodesUtil,
    PasswordUtil,
    UserMixin,
    WebAuthnSigninResponseForm,
    WebauthnUtil,
)
from flask_security.totp import Totp
from sqlalchemy import select
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from campaign.db import db
from campaign.organizers.models import Organizer
from campaign.organizers.queries import organizer_by_name

SHORTEST, LONGEST = 12, 1024
"""Characters of a password (ASVS 5.0, 6.2.1 and 6.2.9)."""


# Passwords


def password_problem(password: str) -> str | None:
    """What is wrong with a new password, if anything."""
    if len(password) < SHORTEST:
        return _("Please take %(count)d characters or more: a few random words are good.", count=SHORTEST)
    if len(password) > LONGEST:
        return _("This is too long: at most %(max)d characters fit.", max=LONGEST)
    if password.lower() in _common() or len(set(password)) < SHORTEST // 3 or _is_repeated(password.lower()):
        return _("This is one of the passwords that are tried first. Please take another.")
    return None


@cache
def _common() -> frozenset[str]:
    """Those among them that are long enough."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # 12 MB, which the worker never needs

    return frozenset(one for one in FREQUENCY_LISTS["passwords"] if len(one) >= SHORTEST)


def _is_repeated(password: str) -> bool:
    return password in (password + password)[1:-1]


def normal_password(password: str | None) -> str:
    """A password as it is hashed: the same, however a keyboard composes its letters."""
    return Passwords.normal(password or "")


class Passwords(PasswordUtil):
    """Long enough, and none of those that are tried first (ASVS 5.0, 6.2.4). No rules about kinds of characters."""

    @staticmethod
    def normal(password: str) -> str:
        """As it is hashed; cut where no password is longer, since hashing one without end takes time without end."""
        return unicodedata.normalize("NFKD", password.encode(errors="replace").decode())[: LONGEST + 1]

    def normalize(self, password: str) -> str:
        """As it is hashed."""
        return self.normal(password)

    def validate(self, password: str, is_register: bool, **_named: Any) -> tuple[list[str] | None, str]:
        """What is wrong with a password, if anything, and the password as it is hashed."""
        normal = self.normalize(password)
        problem = password_problem(normal)
        return [problem] if problem else None, normal


class NameForm(LoginForm):
    """Signing in by name. One sentence says that it failed, whatever was wrong (ASVS 5.0, 6.3.8)."""

    remember = None  # type: ignore[assignment]

    def validate(self, **named: Any) -> bool:  # type: ignore[override]
        """Whether name and password fit together; a password is hashed for a name that nobody has, too."""
        self.ifield = self.username
        self.user = organizer_by_name(str(self.username.data or ""))
        self.password.data = normal_password(self.password.data)
        return super().validate(**named)


# Second factors


class OnceOnlyTotp(Totp):
    """A code from the authenticator works once (RFC 6238, section 5.2)."""

    def get_last_counter(self, user: UserMixin) -> int | None:
        """The counter of the last code that worked; of two who send one at the same moment, one waits."""
        last = select(Organizer.tf_last_counter).where(Organizer.id == cast("Organizer", user).id)
        return db.session.scalar(last.with_for_update())

    def set_last_counter(self, user: UserMixin, tmatch: Any) -> None:
        """Remember it."""
        cast("Organizer", user).tf_last_counter = tmatch.counter
        db.session.flush()


class OnceOnlyCodes(MfRecoveryCodesUtil):
    """A recovery code works once, also when it is sent twice at the same moment."""

    def check_recovery_code(self, user: UserMixin, code: str) -> bool:
        """Whether it is one of those that are left."""
        db.session.refresh(user, ["mf_recovery_codes"], with_for_update=True)
        return super().check_recovery_code(user, code.strip())

    def delete_recovery_code(self, user: UserMixin, code: str) -> bool:
        """Use it up."""
        return super().delete_recovery_code(user, code.strip())


class OwnPasskeyForm(WebAuthnSigninResponseForm):
    """A passkey counts for the account that it belongs to, and for one that is open."""

    def validate(self, **named: Any) -> bool:  # type: ignore[override]
        """Whether it is theirs whose password was given before."""
        if not super().validate(**named) or self.user is None:
            return False
        is_theirs = not self.is_secondary or session.get("tf_user_id") == self.user.fs_uniquifier
        if not is_theirs or not self.user.is_active:
            self.credential.errors = (_("This passkey does not fit."),)
            return False
        return True


class Passkeys(WebauthnUtil):
    """Where a passkey takes the place of the password and the digits, it asks for a finger, a face or a PIN as well."""

    def authenticator_selection(self, _user: UserMixin, usage: str) -> AuthenticatorSelectionCriteria:
        """What a new passkey must be able to do."""
        is_alone = usage == "first"
        return AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED if is_alone else ResidentKeyRequirement.PREFERRED,
            user_verification=self._verification(is_alone),
        )

    def user_verification(self, _user: UserMixin | None, usage: list[str]) -> UserVerificationRequirement:
        """What a passkey must do."""
        return self._verification("secondary" not in usage)

    @staticmethod
    def _verification(is_alone: bool) -> UserVerificationRequirement:
        return UserVerificationRequirement.REQUIRED if is_alone else UserVerificationRequirement.DISCOURAGED
