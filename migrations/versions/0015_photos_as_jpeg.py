"""Photos as JPEG, too, for browsers without WebP."""

from io import BytesIO

import sqlalchemy as sa
from alembic import op
from PIL import Image

revision = "0015"
down_revision = "0014"

PHOTOS = sa.table("photos", sa.column("id"), sa.column("narrow"), sa.column("jpeg"))


def upgrade() -> None:
    """Go one step up."""
    op.add_column("photos", sa.Column("jpeg", sa.LargeBinary(), nullable=True))
    bind = op.get_bind()
    for number, narrow in bind.execute(sa.select(PHOTOS.c.id, PHOTOS.c.narrow)).all():
        bind.execute(sa.update(PHOTOS).where(PHOTOS.c.id == number).values(jpeg=_jpeg(narrow)))
    with op.batch_alter_table("photos") as photos:
        photos.alter_column("jpeg", existing_type=sa.LargeBinary(), nullable=False)


def downgrade() -> None:
    """Go one step down."""
    with op.batch_alter_table("photos") as photos:
        photos.drop_column("jpeg")


def _jpeg(webp: bytes) -> bytes:
    with Image.open(BytesIO(webp)) as image:
        file = BytesIO()
        image.convert("RGB").save(file, "JPEG", quality=80, optimize=True, progressive=True)
    return file.getvalue()
