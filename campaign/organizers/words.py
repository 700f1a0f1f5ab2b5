"""What the log and the approvals say of an act, in a sentence. Acts are written by the rooms above, by name."""

from flask_babel import lazy_gettext as _l

ACTS: dict[str, object] = {
    "account.dismissed": _l("closed an account"),
    "account.factor_added": _l("set up a second factor"),
    "account.factor_removed": _l("removed a passkey"),
    "account.factor_taken": _l("took the second factor of an account away"),
    "account.opened": _l("opened an account"),
    "account.password_changed": _l("changed the password"),
    "account.password_reset": _l("set a new password by mail"),
    "account.signed_out_everywhere": _l("signed out everywhere"),
    "approval.granted": _l("granted what another had asked for"),
    "approval.refused": _l("refused what another had asked for"),
    "member.invited": _l("invited somebody"),
    "member.left": _l("ended a membership"),
    "member.role_changed": _l("changed a role"),
}
"""Each act in the log."""

WISHES: dict[str, object] = {
    "publish": _l("An update is to be published and told to its readers."),
    "export": _l("The contacts of those who agreed are to be exported."),
    "loosen": _l("The rules that ask for a second person are to be loosened."),
}
"""Each act that may need a second person."""

LOOK_AT: dict[str, tuple[str, str | None]] = {}
"""Where such an act can be looked at: the console's view, and the name of the subject's number in its address."""
