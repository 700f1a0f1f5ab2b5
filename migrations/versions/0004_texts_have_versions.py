"""Texts have versions, and signatures know theirs; photos; goals that grow; which acts need a second organizer."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

SIGNED = "a text that was signed is not changed"
FROZEN = (
    ("text_versions_not_changed", "UPDATE", "text_versions", "OLD.fixed_at IS NOT NULL", SIGNED),
    ("text_versions_not_deleted", "DELETE", "text_versions", "OLD.fixed_at IS NOT NULL", SIGNED),
)

FIRST_VERSIONS = """
INSERT INTO text_versions (campaign_id, locale, number, made_at, fixed_at, title, summary, body, demands)
SELECT campaign_texts.campaign_id, campaign_texts.locale, 1, campaigns.created_at,
       CASE WHEN EXISTS (SELECT 1 FROM signatures WHERE signatures.campaign_id = campaigns.id)
            THEN campaigns.created_at END,
       title, summary, body, demands
FROM campaign_texts JOIN campaigns ON campaigns.id = campaign_texts.campaign_id
"""
VERSIONS_OF_TEXTS = """
UPDATE campaign_texts SET
  version_id = (SELECT id FROM text_versions WHERE text_versions.campaign_id = campaign_texts.campaign_id
                AND text_versions.locale = campaign_texts.locale),
  changed_at = (SELECT created_at FROM campaigns WHERE campaigns.id = campaign_texts.campaign_id)
"""
VERSIONS_SIGNED = """
UPDATE signatures SET text_version_id = COALESCE(
  (SELECT id FROM text_versions WHERE text_versions.campaign_id = signatures.campaign_id
   AND text_versions.locale = signatures.locale),
  (SELECT text_versions.id FROM text_versions JOIN campaigns ON campaigns.id = text_versions.campaign_id
   AND campaigns.locale = text_versions.locale WHERE campaigns.id = signatures.campaign_id))
"""


def upgrade() -> None:
    """Go one step up. No table that others refer to is made anew: SQLite would delete what refers to it."""
    _make_tables()
    for column in ("goal_grows", "second_for_status", "second_for_export"):
        op.add_column("campaigns", sa.Column(column, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(
        "ALTER TABLE campaigns ADD COLUMN second_above INTEGER "
        "CONSTRAINT ck_campaigns_second_above CHECK (second_above >= 0)"
    )
    op.execute(
        "ALTER TABLE signatures ADD COLUMN text_version_id INTEGER "
        "CONSTRAINT fk_signatures_text_version_id_text_versions REFERENCES text_versions (id)"
    )
    _date_the_texts()
    create = _create_on_sqlite if op.get_bind().dialect.name == "sqlite" else _create_on_postgresql
    for trigger in FROZEN:
        create(*trigger)


def _make_tables() -> None:
    op.create_table(
        "text_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fixed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("summary", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("demands", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_text_versions_campaign_id_campaigns"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_versions")),
        sa.UniqueConstraint("campaign_id", "locale", "number", name=op.f("uq_text_versions_campaign_id_locale_number")),
    )
    op.create_table(
        "photos",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("alt", sa.JSON(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("narrow", sa.LargeBinary(), nullable=False),
        sa.Column("wide", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaigns.id"], name=op.f("fk_photos_campaign_id_campaigns"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_photos_person_id_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_photos")),
        sa.UniqueConstraint("name", name=op.f("uq_photos_name")),
        sa.UniqueConstraint("person_id", name=op.f("uq_photos_person_id")),
    )
    op.create_index("ix_photos_campaign_id", "photos", ["campaign_id"], unique=False)


def _date_the_texts() -> None:
    """Each text there is becomes its own first version; nothing refers to `campaign_texts`, so it may be made anew."""
    op.add_column("campaign_texts", sa.Column("version_id", sa.Integer(), nullable=True))
    op.add_column("campaign_texts", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("campaign_texts", sa.Column("changed_by", sa.String(), nullable=True))
    for statement in (FIRST_VERSIONS, VERSIONS_OF_TEXTS, VERSIONS_SIGNED):
        op.execute(statement)
    with op.batch_alter_table("campaign_texts") as table:
        table.alter_column("version_id", existing_type=sa.Integer(), nullable=False)
        table.alter_column("changed_at", existing_type=sa.DateTime(timezone=True), nullable=False)
        table.create_foreign_key(
            op.f("fk_campaign_texts_version_id_text_versions"), "text_versions", ["version_id"], ["id"]
        )


def downgrade() -> None:
    """Go one step down: the versions that no longer stand are lost."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name, _event, table, _condition, _sentence in FROZEN:
        op.execute(f"DROP TRIGGER {name}" if is_sqlite else f"DROP TRIGGER {name} ON {table}")
        if not is_sqlite:
            op.execute(f"DROP FUNCTION {name}()")
    with op.batch_alter_table("campaign_texts") as texts:
        texts.drop_constraint(op.f("fk_campaign_texts_version_id_text_versions"), type_="foreignkey")
        for column in ("version_id", "changed_at", "changed_by"):
            texts.drop_column(column)
    op.execute("ALTER TABLE signatures DROP COLUMN text_version_id")
    for column in ("goal_grows", "second_above", "second_for_status", "second_for_export"):
        op.execute(f"ALTER TABLE campaigns DROP COLUMN {column}")
    op.drop_table("photos")
    op.drop_table("text_versions")


def _create_on_sqlite(name: str, event: str, table: str, condition: str, sentence: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
    )


def _create_on_postgresql(name: str, event: str, table: str, condition: str, sentence: str) -> None:
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {condition} THEN RAISE EXCEPTION '{sentence}' USING ERRCODE = 'integrity_constraint_violation'; END IF; "
        f"IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")
