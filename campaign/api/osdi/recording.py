"""Taking a signature in from another site: the same form, the same sealing, the same letter as on our own page.

This is the one module of the room that meets signers. It looks nothing up, so the answer is the same, and as quick,
whether an address has signed before or not.
"""

from typing import Any

from flask import abort, jsonify, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from campaign.api.osdi import shapes
from campaign.api.osdi.views import HAL, bp
from campaign.api.problems import Faults, Invalid
from campaign.api.views import SLUG_PARAMETER
from campaign.campaigns.models import Campaign
from campaign.campaigns.views import campaign_or_404
from campaign.errors import Refusal
from campaign.i18n import current_locale, known_locale, speaking
from campaign.limits import per_campaign, per_client
from campaign.signing.forms import SignForm
from campaign.signing.views import take_in

QUIET = {"appear": "count", "news": "none"}
"""What holds where nothing is said of it: nothing is shown of the signer, and no news comes."""

EXAMPLE = {
    "person": {
        "given_name": "Ada",
        "family_name": "Example",
        "email_addresses": [{"address": "ada@example.org"}],
        "postal_addresses": [{"locality": "Leeds", "country": "GB"}],
        "custom_fields": {"campaign:appear": "initials", "campaign:news": "status"},
    },
    "comments": "You are not forgotten.",
}

_PLACES = {
    "name": "#/person/given_name",
    "city": "#/person/postal_addresses/{postal}/locality",
    "country": "#/person/postal_addresses/{postal}/country",
    "email": "#/person/email_addresses/{email}/address",
    "appear": "#/person/custom_fields/campaign:appear",
    "news": "#/person/custom_fields/campaign:news",
    "statement": "#/comments",
    "source": "#/referrer_data/source",
}
"""Where in the body stands what each field of the form takes."""


class Closed(Refusal):
    """The petition is won or has ended."""

    status = 409


@bp.route("/petitions/<slug>/record_signature_helper", methods=["POST"], parameters=[SLUG_PARAMETER])
@per_client
@per_campaign
@bp.arguments(shapes.Signature, example=EXAMPLE)
@bp.response(200, shapes.Recorded, content_type=HAL, description="Taken in. A letter asks the signer to confirm.")
@bp.alt_response(400, "BAD_REQUEST")
@bp.alt_response(404, "NOT_FOUND")
@bp.alt_response(409, "CONFLICT")
@bp.alt_response(413, "REQUEST_ENTITY_TOO_LARGE")
@bp.alt_response(415, "UNSUPPORTED_MEDIA_TYPE")
@bp.alt_response(429, "TOO_MANY_REQUESTS")
def record_signature(typed: dict[str, Any], slug: str) -> ResponseReturnValue:
    """Sign a petition

    Needed are a name, an e-mail address and a country. A letter goes to the address; the signature counts once the
    button in it is pressed. The answer is the same whether the address had signed before or not.

    Pages of other sites may call this from a browser. What they do not say of the signer's wishes is as quiet as can
    be: only in the count, no news. The organizers may not write to the signer themselves.
    """
    if not request.is_json:  # what a form of another site can send without asking first is not taken
        abort(415)
    campaign = campaign_or_404(slug)
    if not campaign.is_signable:
        raise Closed(_("This campaign takes no signatures any more."))
    person = typed.get("person") or {}
    form = SignForm(formdata=_filled_in(typed, person))
    if not form.validate():
        raise Invalid(_faults(form, person))
    with speaking((person.get("custom_fields") or {}).get("locale") or _asked_language(campaign)):
        take_in(campaign, form.request())
    response = jsonify({})
    response.content_type = HAL
    return response


def _filled_in(typed: dict[str, Any], person: dict[str, Any]) -> MultiDict[str, str]:
    """The sign form, filled in with what OSDI calls by other names."""
    email, postal = (_chosen(person.get(f"{kind}_addresses"))[1] for kind in ("email", "postal"))
    wishes = {name: value for name, value in (person.get("custom_fields") or {}).items() if value and name in QUIET}
    said = QUIET | wishes | {
        "name": " ".join(filter(None, (person.get("given_name"), person.get("family_name")))),
        "email": email.get("address"),
        "country": postal.get("country"),
        "city": postal.get("locality"),
        "statement": typed.get("comments"),
        "source": (typed.get("referrer_data") or {}).get("source"),
    }  # fmt: skip
    return MultiDict({name: value for name, value in said.items() if value})


def _chosen(addresses: list[dict[str, Any]] | None) -> tuple[int, dict[str, Any]]:
    """The place and the content of the primary address, else of the first."""
    placed = list(enumerate(addresses or [{}]))
    return next((found for found in placed if found[1].get("primary")), placed[0])


def _faults(form: SignForm, person: dict[str, Any]) -> Faults:
    places = {kind: _chosen(person.get(f"{kind}_addresses"))[0] for kind in ("email", "postal")}
    return [
        {"pointer": _PLACES[name].format(**places), "detail": " ".join(map(str, errors))}
        for name, errors in form.errors.items()
        if name in _PLACES
    ]


def _asked_language(campaign: Campaign) -> str:
    return current_locale() if request.accept_languages else known_locale(campaign.locale)
