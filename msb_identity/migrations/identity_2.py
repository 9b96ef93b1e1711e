"""Keys of protection rotate: what each data key is and is wrapped with, versions of indexes."""

from alembic import op
from sqlalchemy import Column, Integer, PrimaryKeyConstraint, String, text

revision = "identity_2"
down_revision = "identity_1"


def upgrade() -> None:
    """Add the columns: what is there is of the first version, and AES."""
    op.add_column("data_keys", _made_with("algorithm"))
    op.add_column("data_keys", _made_with("wrapped_with"))
    op.add_column("data_keys", _version("wrapping_key"))
    op.add_column("people", _version("index_version"))
    op.create_table(
        "index_versions",
        Column("version", Integer(), autoincrement=False, nullable=False),
        Column("algorithm", String(16), nullable=False),
        PrimaryKeyConstraint("version"),
    )


def _made_with(name: str) -> Column[str]:
    return Column(name, String(16), nullable=False, server_default=text("'AES-256-GCM'"))


def _version(name: str) -> Column[int]:
    return Column(name, Integer(), nullable=False, server_default=text("1"))
