"""Points expiry: the days whose lots were swept, and the warnings that went before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# What a day's statement says has expired can grow, when a lot comes back late, but never shrink.
KEPT = """
    CREATE TRIGGER points_expiry_days_grows BEFORE UPDATE ON points_expiry_days
        FOR EACH ROW WHEN (NEW.lots < OLD.lots OR NEW.points < OLD.points
            OR NEW.day <> OLD.day OR NEW.unit <> OLD.unit OR NEW.started_at <> OLD.started_at)
        EXECUTE FUNCTION forbid_change();
    CREATE TRIGGER points_expiry_days_kept BEFORE DELETE OR TRUNCATE ON points_expiry_days
        FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
    CREATE TRIGGER points_warnings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
        ON points_warnings FOR EACH STATEMENT EXECUTE FUNCTION forbid_change();
"""


def upgrade() -> None:
    op.create_table(
        "points_expiry_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("unit", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=8), server_default="sweeping", nullable=False),
        sa.Column("cursor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lots", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("points", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("looked_on", sa.Date(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "unit IN ('points', 'coins')", name=op.f("points_expiry_days_unit_check")
        ),
        sa.CheckConstraint(
            "state = 'sweeping' OR (state = 'swept' AND finished_at IS NOT NULL)",
            name=op.f("points_expiry_days_state_check"),
        ),
        sa.CheckConstraint(
            "lots >= 0 AND points >= lots", name=op.f("points_expiry_days_counts_check")
        ),
        sa.CheckConstraint(
            "day < (started_at AT TIME ZONE 'Asia/Shanghai')::date",
            name=op.f("points_expiry_days_past_check"),
        ),
        sa.PrimaryKeyConstraint("day", "unit", name=op.f("points_expiry_days_pkey")),
    )
    op.create_index(
        "points_expiry_days_open",
        "points_expiry_days",
        ["day", "unit"],
        postgresql_where=sa.text("state = 'sweeping'"),
    )
    op.create_table(
        "points_warning_days",
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("unit", sa.String(length=8), nullable=False),
        sa.Column("days_ahead", sa.SmallInteger(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("people", sa.Integer(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "unit IN ('points', 'coins')", name=op.f("points_warning_days_unit_check")
        ),
        sa.CheckConstraint(
            "days_ahead > 0 AND people >= 0", name=op.f("points_warning_days_counts_check")
        ),
        sa.PrimaryKeyConstraint(
            "expires_on", "unit", "days_ahead", name=op.f("points_warning_days_pkey")
        ),
    )
    op.create_index(
        "points_warning_days_open",
        "points_warning_days",
        ["expires_on", "unit", "days_ahead"],
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "points_warnings",
        sa.Column("subscriber_id", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(length=8), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("days_ahead", sa.SmallInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("owed_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("unit IN ('points', 'coins')", name=op.f("points_warnings_unit_check")),
        sa.CheckConstraint(
            "points > 0 AND days_ahead > 0", name=op.f("points_warnings_positive_check")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscribers.id"], name=op.f("points_warnings_subscriber_id_fkey")
        ),
        sa.PrimaryKeyConstraint(
            "subscriber_id", "unit", "expires_on", "days_ahead", name=op.f("points_warnings_pkey")
        ),
    )
    op.execute(KEPT)


def downgrade() -> None:
    for table in ("points_warnings", "points_warning_days", "points_expiry_days"):
        op.drop_table(table)
