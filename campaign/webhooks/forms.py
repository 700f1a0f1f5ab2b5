"""The form of a webhook."""

from uuid import UUID, uuid4

from flask import current_app
from flask_babel import lazy_gettext as _l
from wtforms import Field, HiddenField, SelectMultipleField, StringField
from wtforms.validators import ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from campaign.forms import ConsoleForm, at_most, needed, one_line
from campaign.webhooks.addresses import LONGEST, Destination
from campaign.webhooks.models import EventType
from campaign.webhooks.operations import NewEndpoint

LONGEST_NAME = 60


class EndpointForm(ConsoleForm):
    """Where a webhook goes, and what it tells. `mark` is the same when the form is sent twice."""

    mark = HiddenField(default=lambda: uuid4().hex)
    url = StringField(
        _l("Address"),
        filters=[lambda text: (text or "").strip()],
        validators=[needed(_l("Please give the address to which it goes.")), at_most(LONGEST)],
        render_kw={"type": "url", "inputmode": "url", "autocomplete": "off", "spellcheck": "false", "dir": "ltr"},
    )
    name = StringField(
        _l("Name"), filters=[one_line], validators=[at_most(LONGEST_NAME)], render_kw={"maxlength": LONGEST_NAME}
    )
    types = SelectMultipleField(
        _l("What it tells"),
        choices=[
            (EventType.UPDATE_PUBLISHED.value, _l("An update is published")),
            (EventType.CAMPAIGN_WON.value, _l("The campaign is won")),
            (EventType.COUNT_MILESTONE.value, _l("The count passes a step")),
        ],
        validators=[needed(_l("Nothing was ticked."))],
        widget=ListWidget(),
        option_widget=CheckboxInput(),
    )

    def validate_mark(self, field: Field) -> None:
        """Ours, or as good as ours."""
        try:
            UUID(field.data)
        except (ValueError, AttributeError):
            raise ValidationError(_l("The request could not be read. Please go back and try again.")) from None

    def validate_url(self, field: Field) -> None:
        """Encrypted, a name, nothing hidden in it. To where the name leads is looked at when something is sent."""
        try:
            self._destination()
        except ValueError:
            raise ValidationError(
                _l(
                    "Give an address that begins with https:// and a name, such as https://example.org/hook. "
                    "It may hold no password, and no IP address in place of the name."
                )
            ) from None

    def new_endpoint(self) -> NewEndpoint:
        """What was typed."""
        destination = self._destination()
        handle = UUID(self.mark.data).bytes
        return NewEndpoint(handle, self.name.data or destination.netloc, destination, list(self.types.data))

    def _destination(self) -> Destination:
        return Destination.parse(self.url.data or "", to_loopback=current_app.config["WEBHOOKS_LOOPBACK"])
