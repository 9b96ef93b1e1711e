"""Names in personal seals stand sealed, in a column of their own.

No key is at hand here: rows from before keep their names as they are.
"""

from alembic import op
from sqlalchemy import Column, LargeBinary

revision = "lifecycle_2"
down_revision = "lifecycle_1"


def upgrade() -> None:
    """Add the column."""
    op.add_column("seals", Column("sealed_name", LargeBinary(), nullable=True))
