"""Draws in the timeline: a person's results, the newest first."""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX draw_results_subscriber_id_at_idx ON draw_results (subscriber_id, at)")


def downgrade() -> None:
    op.execute("DROP INDEX draw_results_subscriber_id_at_idx")
