"""SMS over binds: the order in which they leave, the parts of long ones, both ways."""

from __future__ import annotations

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE INDEX outbox_sms ON outbox (queue DESC, category DESC, due_at, id)
            WHERE state = 'owed' AND kind = 'sms';
        CREATE TABLE sms_parts (
            provider_id varchar(64) NOT NULL,
            owed_id bigint NOT NULL,
            part_no smallint NOT NULL,
            "of" smallint NOT NULL,
            state varchar(9) DEFAULT 'sent' NOT NULL,
            CONSTRAINT sms_parts_pkey PRIMARY KEY (provider_id),
            CONSTRAINT sms_parts_part_no_check CHECK (part_no BETWEEN 1 AND "of"),
            CONSTRAINT sms_parts_state_check CHECK (state IN ('sent', 'delivered', 'failed')),
            CONSTRAINT sms_parts_owed_id_fkey FOREIGN KEY (owed_id) REFERENCES outbox (id)
                ON DELETE CASCADE
        );
        CREATE INDEX sms_parts_owed_id_idx ON sms_parts (owed_id);
        CREATE TABLE heard_parts (
            sender varchar(20) NOT NULL,
            recipient varchar(24) NOT NULL,
            reference integer NOT NULL,
            is_wide boolean NOT NULL,
            "of" smallint NOT NULL,
            part_no smallint NOT NULL,
            coding smallint NOT NULL,
            body bytea NOT NULL,
            heard_at timestamptz NOT NULL,
            CONSTRAINT heard_parts_pkey
                PRIMARY KEY (sender, recipient, reference, is_wide, "of", part_no),
            CONSTRAINT heard_parts_part_no_check CHECK (part_no BETWEEN 1 AND "of")
        );
        CREATE INDEX heard_parts_heard_at_idx ON heard_parts (heard_at);
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE heard_parts; DROP TABLE sms_parts; DROP INDEX outbox_sms")
