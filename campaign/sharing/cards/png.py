"""Pictures as PNG with a palette, which has a third of the bytes of one without."""

from io import BytesIO

from PIL import Image

PLAIN, PHOTO = 64, 96
"""Colours of what is drawn, and of the photos in it."""

Photos = list[tuple[tuple[int, int], Image.Image]]
"""Photos, and where their upper left corners are."""


def encoded(image: Image.Image, photos: Photos) -> bytes:
    """The image with photos pasted in. What is drawn keeps its flat colours; only photos are dithered."""
    reduced = image.quantize(PLAIN, dither=Image.Dither.NONE)
    if photos:
        _paste(reduced, photos)
    file = BytesIO()
    reduced.save(file, "PNG", optimize=True)
    return file.getvalue()


def _paste(ground: Image.Image, photos: Photos) -> None:
    """Paste photos in; their colours come behind the ground's in one palette."""
    together = Image.new("RGB", ground.size)
    for place, photo in photos:
        together.paste(photo, place)
    palette = together.reduce(4).quantize(PHOTO)  # of all pixels it would take a second
    reduced = together.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    shifted = reduced.point([min(colour + PLAIN, 255) for colour in range(256)])
    for place, photo in photos:
        box = (*place, place[0] + photo.width, place[1] + photo.height)
        ground.paste(shifted.crop(box), box)
    colours = (ground.getpalette() or [])[: 3 * PLAIN]
    ground.putpalette([*colours, *[0] * (3 * PLAIN - len(colours)), *(palette.getpalette() or [])[: 3 * PHOTO]])
