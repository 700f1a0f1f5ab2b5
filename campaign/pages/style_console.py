"""The page of components: every part of the public face and of the console, in the light and in the dark."""

from pathlib import Path

from flask import Response, current_app, render_template
from flask.typing import ResponseReturnValue

from campaign.i18n import speak
from campaign.organizers.console import console, signed_in
from campaign.pages import samples
from campaign.pages.tokens import SCHEMES, forced, pairs, schemes, values
from campaign.timeline.models import Kind, Status


def _tokens() -> dict[str, dict[str, str]]:
    folder = Path(current_app.static_folder or "")
    return schemes(folder / "style.css", folder / "console.css")


@console.get("/style")
@signed_in()
def style() -> ResponseReturnValue:
    """The colours with their contrasts, and the parts of the console."""
    colours = {scheme: values(tokens) for scheme, tokens in _tokens().items()}
    contrasts = {scheme: list(pairs(colours[scheme])) for scheme in SCHEMES}
    return render_template("console/pages/style.html", colours=colours, contrasts=contrasts, samples=samples)


@console.get("/style/<locale:locale>/")
@signed_in()
def style_of_the_face(locale: str) -> ResponseReturnValue:
    """The parts of the public face, in a language."""
    speak(locale)
    return render_template(
        "console/pages/style_of_the_face.html",
        schemes=SCHEMES,
        samples=samples,
        statuses=list(Status),
        kinds=list(Kind),
    )


@console.get("/style/schemes.css")
@signed_in()
def style_schemes() -> ResponseReturnValue:
    """What makes a part of these pages light or dark."""
    return Response(forced(_tokens()), mimetype="text/css")
