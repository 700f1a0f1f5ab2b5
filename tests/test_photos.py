"""Photos of people: what is taken in, what is refused, what is left of the file, and how they are served."""

import re
import struct
import time
import zlib
from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from campaign.campaigns.models import Campaign, Photo
from campaign.campaigns.photos import MOST_BYTES, Encoded, NotAPhoto, TooLarge, encode
from campaign.db import db
from tests import test_campaign_editing
from tests.organizers_in import token_in
from tests.test_campaign_editing import PAGE, Desk, one_database

campaign, owner, desk = test_campaign_editing.campaign, test_campaign_editing.owner, test_campaign_editing.desk

ORIENTATION, MAKE, GPS = 0x0112, 0x010F, 0x8825
RED, BLUE = (200, 20, 10), (10, 20, 200)


def picture(width: int = 1200, height: int = 1600, kind: str = "JPEG", **options: object) -> bytes:
    """A picture whose upper half is red."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width, height // 2))
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_position(width: int = 1600, height: int = 1200) -> bytes:
    """A JPEG that says where it was taken and with what, and that it lies on its side."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width // 2, height))  # once it is turned to the right, red is above
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = 6, "SECRET CAMERA"
    exif.get_ifd(GPS).update({1: "N", 2: (24.0, 51.0, 36.0), 3: "E", 4: (67.0, 0.0, 36.0)})
    file = BytesIO()
    image.save(file, "JPEG", exif=exif, comment=b"SECRET COMMENT")
    return file.getvalue()


def png_that_claims(width: int, height: int, rows: int = 1) -> bytes:
    """A PNG whose header says one size; there are fewer rows in it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    line = b"\0" + bytes((width + 7) // 8)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(line * rows)) + chunk(b"IEND", b"")
    )


def webp_that_claims(width: int, height: int) -> bytes:
    """An animated WebP whose header says a size."""
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sides
    return b"RIFF" + struct.pack("<I", len(body)) + body


def opened(content: bytes) -> Image.Image:
    """The picture in a file."""
    return Image.open(BytesIO(content))


# What is taken


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_photos_become_webp_in_two_sizes(kind: str) -> None:
    """480 and 960 wide, in their own proportions."""
    made = encode(picture(kind=kind))
    assert (opened(made.narrow).size, opened(made.wide).size) == ((480, 640), (960, 1280))
    assert (made.width, made.height) == (960, 1280)
    assert opened(made.narrow).format == opened(made.wide).format == "WEBP"
    assert len(made.wide) < 60_000


def test_a_small_photo_is_not_blown_up() -> None:
    """It keeps its size."""
    assert encode(picture(300, 400)).width == 300


def test_where_and_with_what_it_was_taken_is_gone_and_it_stands_upright() -> None:
    """No EXIF, no comment, no position; turned as the camera said."""
    content = with_position()
    assert opened(content).getexif().get_ifd(GPS)
    made = encode(content)
    for kept in (made.jpeg, made.narrow, made.wide):
        image = opened(kept)
        assert not dict(image.getexif())
        assert not {"exif", "xmp", "icc_profile", "comment"} & set(image.info)
        assert b"SECRET" not in kept
        assert b"EXIF" not in kept
        assert image.height > image.width
        red, _green, blue = image.convert("RGB").getpixel((image.width // 2, 20))  # type: ignore[misc]
        assert red > blue


def test_what_hangs_on_a_photo_is_left_behind() -> None:
    """A file that is a picture and a page at once: only the picture is kept."""
    script = b"<script>alert(1)</script><?php system('id'); ?>PK\x03\x04"
    for content in (picture() + script, picture(comment=script), picture(kind="PNG") + script):
        made = encode(content)
        assert b"script" not in made.narrow + made.wide
        assert b"PK\x03\x04" not in made.narrow + made.wide


def test_what_was_transparent_is_white() -> None:
    """And never black."""
    file = BytesIO()
    Image.new("RGBA", (400, 400), (0, 0, 0, 0)).save(file, "PNG")
    assert opened(encode(file.getvalue()).wide).convert("RGB").getpixel((5, 5)) == (255, 255, 255)


# What is refused


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="400" height="400"><script>alert(1)</script></svg>'
REFUSED: dict[str, Callable[[], bytes]] = {
    "svg": lambda: SVG,
    "svg after xml": lambda: b'<?xml version="1.0"?>' + SVG,
    "html": lambda: b"<!doctype html><script>alert(1)</script>",
    "gif": lambda: picture(400, 400, "GIF"),
    "tiff": lambda: picture(400, 400, "TIFF"),
    "pdf": lambda: picture(400, 400, "PDF"),
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 400 400\n",
    "cut off": lambda: picture()[:3000],
    "a head only": lambda: picture(kind="PNG")[:60],
    "noise": lambda: b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40,
    "too small": lambda: picture(100, 100),
    "too long": lambda: picture(200, 900),
    "broken webp": lambda: webp_that_claims(800, 800),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_photo(name: str) -> None:
    """By its bytes, whatever its name says."""
    with pytest.raises(NotAPhoto):
        encode(REFUSED[name]())


@pytest.mark.parametrize(
    "content",
    [
        png_that_claims(30_000, 30_000, rows=30_000),
        png_that_claims(30_000, 30_000),
        png_that_claims(8_000, 4_000),
        png_that_claims(2**31 - 1, 2**31 - 1),
        webp_that_claims(16_383, 16_383),
        b"\xff\xd8" + bytes(MOST_BYTES),
    ],
    ids=["whole", "header", "32 MP", "overflow", "webp", "bytes"],
)
def test_bombs_are_refused_before_they_are_opened(content: bytes) -> None:
    """In a moment: nothing is decoded."""
    began = time.thread_time()  # what the machine does besides does not count
    with pytest.raises(TooLarge):
        encode(content)
    assert time.thread_time() - began < 0.5


# In the console and on the page


def upload(desk: Desk, content: bytes, name: str = "photo.jpg", person: int = 1, **typed: str) -> TestResponse:
    """Send a photo with the form of a person's page."""
    token = token_in(desk.get(f"people/{person}/").text)
    data = {"csrf_token": token, "photo": (BytesIO(content), name), **typed}
    answer = desk.client.post(f"{desk.root}people/{person}/photo", data=data, content_type="multipart/form-data")
    answer.request.environ["wsgi.input"].close()
    return answer


def sources(client: FlaskClient, path: str = PAGE) -> list[str]:
    """The photos of a page."""
    return re.findall(r'src="(/photo/[^"]+)"', client.get(path).text)


def test_a_photo_goes_on_the_page_is_replaced_and_removed(desk: Desk, client: FlaskClient, campaign: Campaign) -> None:
    """With its words; each at a random address of its own, for ever; the old one is gone."""
    assert upload(desk, with_position(), alt_en="Tariq at a rally").status_code == HTTPStatus.SEE_OTHER
    (first,) = sources(client)
    assert re.fullmatch(r"/photo/[A-Za-z0-9_-]{20}-480\.jpg", first)
    assert 'alt="Tariq at a rally"' in client.get(PAGE).text
    assert 'alt="Tariq at a rally"' in client.get("/ur/release-test/").text
    served = client.get(first)
    assert (served.mimetype, opened(served.data).size) == ("image/jpeg", (480, 640))
    assert served.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert opened(client.get(first.replace("-480.jpg", "-960.webp")).data).width == 960
    assert opened(client.get(first.replace(".jpg", ".webp")).data).size == (480, 640)
    assert client.get(first.replace("-480", "-4800")).status_code == HTTPStatus.NOT_FOUND
    assert upload(desk, b"", "", alt_en="Other words").status_code == HTTPStatus.SEE_OTHER
    assert sources(client) == [first]
    assert upload(desk, picture()).status_code == HTTPStatus.SEE_OTHER
    (second,) = sources(client)
    assert second != first
    assert client.get(first).status_code == HTTPStatus.NOT_FOUND
    assert desk.post("people/1/photo/remove", "people/1/").status_code == HTTPStatus.SEE_OTHER
    assert sources(client) == []
    assert client.get(second).status_code == HTTPStatus.NOT_FOUND
    assert db.session.query(Photo).count() == 0


@one_database
def test_a_person_takes_their_photo_along(desk: Desk, campaign: Campaign) -> None:
    """Whoever is removed leaves no photo behind."""
    desk.post("people/new", name_en="Amin", since="2020-07-01")
    assert upload(desk, picture(), person=2).status_code == HTTPStatus.SEE_OTHER
    assert desk.post("people/2/remove", "people/2/").status_code == HTTPStatus.SEE_OTHER
    assert db.session.query(Photo).count() == 0


@one_database
def test_what_is_refused_is_said_beside_the_field(desk: Desk, client: FlaskClient) -> None:
    """SVG named .jpg, a bomb, nothing at all: a sentence, and what was typed is there; the page stays as it was."""
    for content, sentence in (
        (SVG, "cannot be read as a photo"),
        (png_that_claims(30_000, 30_000), "24 million"),
        (b"\xff\xd8" + bytes(MOST_BYTES), "8 MB"),
        (b"", "choose a photo"),
    ):
        answer = upload(desk, content, alt_en="Some words")
        assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, sentence
        assert sentence in answer.text
        assert 'value="Some words"' in answer.text
        assert 'value="Tariq Example"' in answer.text
    assert sources(client) == []


@one_database
def test_only_the_form_of_the_photo_takes_much(desk: Desk) -> None:
    """Nine megabytes are too many there, and a photo's size too many elsewhere."""
    assert upload(desk, bytes(9 * 1024 * 1024)).status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    data = {"csrf_token": token_in(desk.get("people/1/").text), "photo": (BytesIO(bytes(1_000_000)), "x.jpg")}
    answer = desk.client.post(f"{desk.root}people/1/", data=data, content_type="multipart/form-data")
    answer.request.environ["wsgi.input"].close()
    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@one_database
@pytest.mark.parametrize("name", ["made-up", "../../etc/passwd", "a" * 20, "%00", "' OR 1=1 --"])
def test_made_up_photos(client: FlaskClient, name: str) -> None:
    """There are none."""
    assert client.get(f"/photo/{name}-480.webp").status_code == HTTPStatus.NOT_FOUND


def test_encoded_photos_do_not_show_in_logs() -> None:
    """Their text is their name only."""
    assert "x" * 10 not in repr(Encoded(b"x" * 10, b"", b"", 1, 1))
