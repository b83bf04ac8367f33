"""Figures for charts, by the hour and by the day; and the list of what failed, found at once."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = """
    CREATE TABLE hourly_figures (
        hour timestamptz NOT NULL,
        name varchar(32) NOT NULL,
        n bigint NOT NULL,
        CONSTRAINT hourly_figures_pkey PRIMARY KEY (hour, name),
        CONSTRAINT hourly_figures_n_check CHECK (n > 0)
    );
    CREATE TABLE club_days (
        day date NOT NULL,
        club_code varchar(32) NOT NULL,
        members integer NOT NULL,
        joined integer NOT NULL,
        parted integer NOT NULL,
        CONSTRAINT club_days_pkey PRIMARY KEY (day, club_code),
        CONSTRAINT club_days_club_code_fkey FOREIGN KEY (club_code) REFERENCES clubs (code),
        CONSTRAINT club_days_counts_check CHECK (members >= 0 AND joined >= 0 AND parted >= 0)
    );
    CREATE INDEX membership_changes_at_idx ON membership_changes USING brin (at);
    CREATE INDEX outbox_failed ON outbox (id) WHERE state IN ('failed', 'dropped');
"""


def upgrade() -> None:
    op.execute(TABLES)


def downgrade() -> None:
    op.execute(
        "DROP INDEX outbox_failed; DROP INDEX membership_changes_at_idx;"
        "DROP TABLE club_days; DROP TABLE hourly_figures"
    )
