"""Codes shown are bound to their secrets; blind indexes of licences say their version."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    text,
)

revision = "wallet_2"
down_revision = "wallet_1"


def upgrade() -> None:
    """Make the table of shown codes again: none of its rows lives longer than a minute."""
    op.drop_table("shown_codes")
    op.create_table(
        "shown_codes",
        Column("code_hash", LargeBinary(32), nullable=False),
        Column("binding", LargeBinary(32), nullable=False),
        Column("identifier", String(160), nullable=False),
        Column("audience", String(200), nullable=True),
        Column("shown_at", BigInteger(), nullable=False),
        Column("used_at", BigInteger(), nullable=True),
        ForeignKeyConstraint(["identifier"], ["licences.identifier"]),
        PrimaryKeyConstraint("code_hash"),
    )
    op.create_index("shown_codes_by_age", "shown_codes", ["shown_at"])
    op.add_column(
        "licences", Column("index_version", Integer(), nullable=False, server_default=text("1"))
    )
