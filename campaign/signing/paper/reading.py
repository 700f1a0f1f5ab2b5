"""Reading a list of signatures from a CSV file: its encoding, its columns, its rows, and what is wrong with them."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from unicodedata import combining, normalize

from flask_babel import gettext as _

from campaign.csv_out import BOM, rows_as_csv
from campaign.errors import Refusal
from campaign.forms import one_line
from campaign.i18n import LOCALES, countries
from campaign.sealing import EmailAddress

LARGEST = 5 * 1024 * 1024
DELIMITERS = ",;\t"
FIELDS = ("name", "email", "country", "city", "affiliation", "day")
LONGEST = {"name": 120, "email": 254, "country": 80, "city": 80, "affiliation": 120, "day": 40}

HEADERS = {
    "name": ("name", "full name", "signature", "signer", "nombre", "nombre y apellidos", "nombre completo", "firma",
             "nom", "nom complet", "nom et prenom", "nome", "nome completo", "assinatura",
             "نام", "پورا نام", "دستخط", "الاسم", "الاسم الكامل", "التوقيع"),
    "email": ("e-mail", "email", "mail", "address", "e-mail address", "email address", "correo", "correo electronico",
              "correo-e", "direccion de correo", "courriel", "adresse e-mail", "adresse electronique",
              "correio eletronico", "endereco de e-mail", "ای میل", "برقی پتہ", "ای میل پتہ", "ای میل پتا",
              "البريد الالكتروني", "الايميل"),
    "country": ("country", "land", "pais", "pays", "ملک", "البلد", "الدولة"),
    "city": ("town", "city", "town or city", "place", "ciudad", "poblacion", "localidad", "municipio", "ville",
             "commune", "cidade", "شہر", "قصبہ", "المدينة"),
    "affiliation": ("organisation", "organization", "union", "group", "affiliation", "organizacion", "sindicato",
                    "entidad", "syndicat", "association", "organizacao", "entidade", "تنظیم", "یونین", "ادارہ",
                    "المنظمة", "النقابة", "الجهة"),
    "day": ("day", "date", "signed on", "fecha", "dia", "fecha de firma", "jour", "date de signature", "data",
            "data da assinatura", "تاریخ", "دن", "التاريخ", "تاريخ التوقيع", "اليوم"),
}  # fmt: skip
"""How the columns are called in our languages, without accents."""


class NotReadable(Refusal):
    """The file is not a list that we can read."""


@dataclass(frozen=True, repr=False)
class Row:
    """One signature on paper. `number` is its line in a spreadsheet, where the names of the columns are line 1."""

    number: int
    name: str
    email: str
    country: str
    city: str
    affiliation: str


@dataclass(frozen=True)
class Wrong:
    """A row that cannot be taken, and why; it repeats nothing of what the row says."""

    number: int
    why: str


def decoded(content: bytes) -> str:
    """The text of an uploaded file; raises NotReadable for what is not text."""
    if not content.strip():
        raise NotReadable(_("The file is empty."))
    if b"\0" in content or content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")):
        raise NotReadable(_("This is not a CSV file. Save your table as “CSV (UTF-8)” and choose that file."))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotReadable(
            _("The file is not in UTF-8. Save your table as “CSV (UTF-8)” and choose that file.")
        ) from None


def headers(text: str) -> list[str]:
    """The names of the columns; raises NotReadable when the first row does not look like names of columns."""
    first = next(_rows(text), (1, []))[1]
    named = [one_line(cell)[:60] for cell in first]
    if not guessed(named) or any("@" in cell for cell in named):
        raise NotReadable(
            _("The first row must say what the columns are, for example: name, email, country. Please add such a row.")
        )
    return named


def guessed(named: Sequence[str]) -> dict[str, int]:
    """Which column is which, as far as their names say."""
    plain = [_plain(name) for name in named]
    found = ((field, next((place for place, name in enumerate(plain) if name in names), None))
             for field, names in HEADERS.items())  # fmt: skip
    return {field: place for field, place in found if place is not None}


def read(text: str, columns: dict[str, int], country: str, today: date) -> Iterator[Row | Wrong]:
    """The rows below the first, in their order; `country` is for those that name none. Blank rows are left out."""
    seen: set[str] = set()
    rows = _rows(text)
    next(rows, None)
    for number, cells in rows:
        if any(cell.strip() for cell in cells):
            yield _read_row(number, _picked(cells, columns), country, today, seen)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with its number, counted as a spreadsheet counts; raises NotReadable where quotes do not close."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    number = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise NotReadable(
                _("Row %(row)d cannot be read. Perhaps a quotation mark is missing.", row=number + 1)
            ) from None
        number += 1
        yield number, cells


def _delimiter(text: str) -> str:
    first = text.lstrip("\r\n").partition("\n")[0]
    return max(DELIMITERS, key=first.count)


def _picked(cells: list[str], columns: dict[str, int]) -> dict[str, str]:
    return {
        field: one_line(cells[columns[field]]) if field in columns and columns[field] < len(cells) else ""
        for field in FIELDS
    }


def _read_row(number: int, row: dict[str, str], country: str, today: date, seen: set[str]) -> Row | Wrong:
    code = country_code(row["country"]) if row["country"] else country
    why = _what_is_wrong(row, code, today) or _repeated(row["email"], seen)
    if why:
        return Wrong(number, why)
    return Row(number, row["name"], row["email"], code, row["city"], row["affiliation"])


def _what_is_wrong(row: dict[str, str], code: str, today: date) -> str:
    if not row["name"]:
        return _("The name is missing.")
    if any(len(row[field]) > longest for field, longest in LONGEST.items()):
        return _("One of the cells is too long.")
    if not code:
        return _("The country is missing or not known. Write its name, or its code of two letters such as PK.")
    if row["email"] and not _is_address(row["email"]):
        return _("This does not look like an e-mail address.")
    return _wrong_day(row["day"], today)


def _repeated(email: str, seen: set[str]) -> str:
    if not email:
        return ""
    inbox = EmailAddress.parse(email).canonical
    if inbox in seen:
        return _("The same e-mail address stands in a row above.")
    seen.add(inbox)
    return ""


def _wrong_day(text: str, today: date) -> str:
    if not text:
        return ""
    try:
        is_known = date.fromisoformat(text) <= today
    except ValueError:
        return _("The day cannot be read. Write it as 2026-01-31.")
    return "" if is_known else _("The day is in the future.")


def _is_address(text: str) -> bool:
    try:
        EmailAddress.parse(text)
    except ValueError:
        return False
    return True


def country_code(text: str) -> str:
    """The code of a country by its code or by its name in one of our languages; empty if there is none."""
    return _country_names().get(_plain(text), "")


@cache
def _country_names() -> dict[str, str]:
    names = {_plain(name): code for locale in LOCALES for code, name in countries(locale)}
    return names | {code.lower(): code for code, _name in countries("en")} | {"uk": "GB", "usa": "US"}


def _plain(text: str) -> str:
    """Lower case, without accents: how people write a name in a hurry."""
    apart = normalize("NFKD", one_line(text).casefold())
    return "".join(char for char in apart if not combining(char)).strip(" :*.")


def errors_file(wrong: Sequence[Wrong]) -> bytes:
    """The rows that are wrong as CSV, for a spreadsheet."""
    table = rows_as_csv([_("Row"), _("What is wrong")], ((one.number, one.why) for one in wrong))
    return "".join((BOM, *table)).encode()
