"""Photos: decoded, checked, and encoded anew. Nothing of the file that came is kept but what one sees."""

from dataclasses import dataclass
from io import BytesIO

from flask_babel import gettext as _
from PIL import Image, ImageOps

from campaign.errors import Refusal

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 24_000_000
FEWEST = 160
"""Pixels that either side has at least."""

LONGEST = 3
"""Times as long as wide, or as wide as long, at most."""

NARROW, WIDE = 480, 960
QUALITY = 80
FORMATS = ("JPEG", "PNG", "WEBP")

_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_CANNOT = (OSError, ValueError, SyntaxError, MemoryError)
"""What Pillow raises at files that are broken, lie, or are not what they seem."""


class NotAPhoto(Refusal):
    """What came cannot be used as a photo."""


class TooLarge(NotAPhoto):
    """It has too many bytes or pixels."""


@dataclass(frozen=True, repr=False)
class Encoded:
    """A photo as WebP in two sizes, and as JPEG for browsers without; width and height are the wide one's."""

    jpeg: bytes
    narrow: bytes
    wide: bytes
    width: int
    height: int


def encode(content: bytes) -> Encoded:
    """A photo from a JPEG, PNG or WebP, upright, without metadata; raises NotAPhoto. What it is, its bytes say."""
    _check_before_decoding(content)
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            _check_size(*image.size)
            image.draft("RGB", (WIDE * 2, WIDE * 2))  # a JPEG is decoded no larger than needed
            upright = _flat(ImageOps.exif_transpose(image))
    except _BOMB:
        raise _too_many_pixels() from None
    except _CANNOT:
        raise NotAPhoto(_("This file cannot be read as a photo. JPEG, PNG and WebP can be used.")) from None
    narrow, wide = _resized(upright, NARROW), _resized(upright, WIDE)
    return Encoded(jpeg(narrow), _webp(narrow), _webp(wide), *wide.size)


def _check_before_decoding(content: bytes) -> None:
    if len(content) > MOST_BYTES:
        raise TooLarge(_("The photo is larger than 8 MB. Please make it smaller first."))
    size = _webp_size(content[:30])  # libwebp makes room for the whole picture as soon as it is opened
    if size is not None:
        _check_size(*size)


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise _too_many_pixels()
    if min(width, height) < FEWEST or max(width, height) > LONGEST * min(width, height):
        raise NotAPhoto(
            _(
                "The photo is too small or too narrow. Each side needs 160 pixels or more, "
                "and none may be more than three times the other."
            )
        )


def _too_many_pixels() -> TooLarge:
    return TooLarge(_("The photo has more than 24 million pixels. Please make it smaller first."))


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height as a WebP's first bytes say (RFC 9649, section 2); None for what is none."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    if head[12:16] == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF


def _flat(image: Image.Image) -> Image.Image:
    """The picture in plain colours; what was transparent is white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    coloured = image.convert("RGBA")
    ground = Image.new("RGB", coloured.size, "white")
    ground.paste(coloured, mask=coloured.getchannel("A"))
    return ground


def _resized(image: Image.Image, width: int) -> Image.Image:
    """At most so wide."""
    if image.width <= width:
        return image
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)


def jpeg(image: Image.Image) -> bytes:
    """A new file with pixels and nothing else."""
    return _saved(image, "JPEG", quality=QUALITY, optimize=True, progressive=True)


def _webp(image: Image.Image) -> bytes:
    return _saved(image, "WEBP", quality=QUALITY, method=4)


def _saved(image: Image.Image, kind: str, **options: int) -> bytes:
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    file = BytesIO()
    bare.save(file, kind, **options)
    return file.getvalue()
