"""The names of organizers: what they are told apart by."""

import unicodedata

from campaign.forms import one_line

LONGEST_NAME = 64

_LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕһԁԛԝкмтвнгѵοαυνρτκιχεγѡ01",
    "aeopcyxijshdqwkmtbhrvoauvptkixeywol",
)
"""Cyrillic and Greek letters, and digits, that read like Latin ones (the common ones of Unicode TS 39)."""


def name_key(name: str | None) -> str:
    """What two names share that one could take for the other: case, spaces, marks that do not show, look-alikes.

    To sign in, any spelling with the same key will do; no two organizers have the same.
    """
    plain = unicodedata.normalize("NFKC", one_line(name)).casefold()
    shown = (char for char in unicodedata.normalize("NFKC", plain) if unicodedata.category(char)[0] not in "ZC")
    return "".join(shown).translate(_LOOK_ALIKES)[: 4 * LONGEST_NAME]
