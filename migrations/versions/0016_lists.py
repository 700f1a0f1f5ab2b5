"""Lists that are filtered: names by country and organisation, words by country and chosen first; counted countries."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

LISTED = "state = 'confirmed' AND public_name IS NOT NULL"
LISTED_OF = f"{LISTED} AND organisation_key IS NOT NULL"
PUBLISHED = "state = 'published'"
CHOSEN = "NOT is_chosen OR state = 'published'"

INDEXES = (
    ("ix_signatures_listed_country", "signatures", ["country"], "confirmed_at", LISTED),
    ("ix_signatures_listed_of", "signatures", ["organisation_key"], "confirmed_at", LISTED_OF),
    ("ix_signatures_listed_of_country", "signatures", ["organisation_key", "country"], "confirmed_at", LISTED_OF),
    ("ix_statements_chosen", "statements", ["is_chosen"], "published_at", PUBLISHED),
    ("ix_statements_country", "statements", ["country"], "published_at", PUBLISHED),
    ("ix_statements_country_chosen", "statements", ["country", "is_chosen"], "published_at", PUBLISHED),
)

BATCH = 5000


def upgrade() -> None:
    """Go one step up. What was counted is counted anew: it says now from how many countries."""
    op.add_column("signatures", sa.Column("organisation_key", sa.String(), nullable=True))
    _fill_keys()
    op.add_column("statements", sa.Column("country", sa.String(), nullable=True))
    op.execute("UPDATE statements SET country = (SELECT country FROM signatures WHERE signatures.id = signature_id)")
    _add_chosen()
    for name, table, columns, at, where in INDEXES:
        condition = sa.text(where)
        every = ["campaign_id", *columns, at, "id"]
        op.create_index(name, table, every, sqlite_where=condition, postgresql_where=condition)
    op.execute("DELETE FROM signature_statistics")
    op.add_column("signature_statistics", sa.Column("countries", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    """Go one step down."""
    op.drop_column("signature_statistics", "countries")
    for name, table, *_rest in INDEXES:
        op.drop_index(name, table)
    if not _is_sqlite():
        op.drop_constraint(op.f("ck_statements_chosen_of_published"), "statements", type_="check")
    op.drop_column("statements", "is_chosen")
    op.drop_column("statements", "country")
    op.drop_column("signatures", "organisation_key")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _add_chosen() -> None:
    """SQLite takes a constraint with its column, and with no other way but making the table anew."""
    if _is_sqlite():
        op.execute(
            "ALTER TABLE statements ADD COLUMN is_chosen BOOLEAN DEFAULT 0 NOT NULL"
            f" CONSTRAINT ck_statements_chosen_of_published CHECK ({CHOSEN})"
        )
        return
    op.add_column("statements", sa.Column("is_chosen", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_check_constraint(op.f("ck_statements_chosen_of_published"), "statements", CHOSEN)


def _fill_keys() -> None:
    """By ranges of ids, so that a million names need no more memory than a few."""
    connection, last = op.get_bind(), 0
    of_one = sa.text(
        "SELECT id, affiliation FROM signatures WHERE id > :last AND affiliation IS NOT NULL ORDER BY id LIMIT :batch"
    )
    keep = sa.text("UPDATE signatures SET organisation_key = :key WHERE id = :id")
    while rows := connection.execute(of_one, {"last": last, "batch": BATCH}).all():
        connection.execute(keep, [{"id": row.id, "key": _key(row.affiliation)} for row in rows])
        last = rows[-1].id


def _key(text: str) -> str | None:
    """As signing/models.py folds it."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in folded).split()
    return " ".join(words)[:200].strip() or None
