"""A merchant's people, what they may try at their tills, and what their tills look up."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

ROLES = """
    ALTER TABLE operators DROP CONSTRAINT operators_role_check;
    ALTER TABLE operators ADD CONSTRAINT operators_role_check CHECK (role IN ('operations',
        'approver', 'service', 'analyst', 'administrator', 'merchant_owner', 'merchant_clerk'));
    ALTER TABLE operators ADD CONSTRAINT operators_id_role_key UNIQUE (id, role);
"""

TABLES = """
    CREATE TABLE merchant_staff (
        operator_id bigint NOT NULL,
        role varchar(16) NOT NULL,
        merchant_code varchar(32) NOT NULL,
        store_no integer,
        CONSTRAINT merchant_staff_pkey PRIMARY KEY (operator_id),
        CONSTRAINT merchant_staff_role_check CHECK (role IN ('merchant_owner', 'merchant_clerk')),
        CONSTRAINT merchant_staff_owners_have_all_check CHECK (role = 'merchant_clerk'
            OR store_no IS NULL),
        CONSTRAINT merchant_staff_operator_id_role_fkey FOREIGN KEY (operator_id, role)
            REFERENCES operators (id, role),
        CONSTRAINT merchant_staff_merchant_code_fkey FOREIGN KEY (merchant_code)
            REFERENCES merchants (code),
        CONSTRAINT merchant_staff_merchant_code_store_no_fkey FOREIGN KEY
            (merchant_code, store_no) REFERENCES stores (merchant_code, store_no)
    );
    CREATE INDEX merchant_staff_merchant_code_idx ON merchant_staff (merchant_code);
    CREATE TABLE till_tries (
        kind varchar(8) NOT NULL,
        key varchar(60) NOT NULL,
        failures integer NOT NULL,
        last_at timestamptz NOT NULL,
        locked_until timestamptz,
        CONSTRAINT till_tries_pkey PRIMARY KEY (kind, key),
        CONSTRAINT till_tries_kind_check CHECK (kind IN ('store', 'person')),
        CONSTRAINT till_tries_failures_check CHECK (failures >= 0)
    );
    CREATE INDEX till_tries_last_at_idx ON till_tries (last_at);
"""


def upgrade() -> None:
    op.execute(ROLES)
    op.execute(TABLES)


def downgrade() -> None:
    # People of merchants are no operators: without their door nobody may take them for some.
    op.execute("DROP TABLE till_tries")
    op.execute("DROP TABLE merchant_staff")
    op.execute(
        "UPDATE operators SET role = 'analyst', active = false"
        " WHERE role IN ('merchant_owner', 'merchant_clerk')"
    )
    op.execute("ALTER TABLE operators DROP CONSTRAINT operators_id_role_key")
    op.execute("ALTER TABLE operators DROP CONSTRAINT operators_role_check")
    op.execute(
        "ALTER TABLE operators ADD CONSTRAINT operators_role_check CHECK (role IN ('operations',"
        " 'approver', 'service', 'analyst', 'administrator'))"
    )
