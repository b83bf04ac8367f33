"""How many numbers a person has tried for gifts of points on a day."""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

COLUMNS = """
    ALTER TABLE points_gift_days
        ADD COLUMN tries integer NOT NULL DEFAULT 0,
        ADD COLUMN most_tries integer NOT NULL DEFAULT 0,
        ADD CONSTRAINT points_gift_days_tries_check CHECK (tries >= 0 AND tries <= most_tries);
"""


def upgrade() -> None:
    op.execute(COLUMNS)


def downgrade() -> None:
    op.execute("ALTER TABLE points_gift_days DROP COLUMN tries, DROP COLUMN most_tries")
