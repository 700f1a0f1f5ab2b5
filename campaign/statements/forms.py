"""The form for a statement."""

from flask_babel import lazy_gettext as _l

from campaign.forms import PublicForm, needed, statement_field


class StatementForm(PublicForm):
    """Words to be left after signing."""

    statement = statement_field(needed(_l("Please write a few words.")))
