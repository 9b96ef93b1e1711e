"""People: identifiers and evidence in tables of their own; firms, mandates, departments, staff.

A migration has no keys, so sealed values go over as they are: the place they were sealed for names
person and kind, which stay. Of a number that was taken on declaration only (level 1) nothing says
that it is the person's; the others were proven by what raised the level. No mobile number was.
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
)

revision = "identity_3"
down_revision = "identity_2"

_MOVED = (
    "identity_number_index",
    "mobile_index",
    "identity_number",
    "mobile",
    "level",
    "level_method",
    "level_time",
    "index_version",
)


def upgrade() -> None:
    """Add the tables, and move to them what stood in `people`."""
    _make_people()
    for statement in _MOVES:
        op.execute(statement)
    with op.batch_alter_table("people") as table:
        for name in _MOVED:
            table.drop_column(name)
        table.add_column(Column("merged_into", String(26)))
    op.create_index("people_by_kept", "people", ["merged_into", "id"])
    _make_firms()
    _make_departments()
    _make_staff()


_MOVES = (
    """
    INSERT INTO person_identifiers
        (id, person_id, kind, value_index, value, index_version, linked_at,
        verified_method, verified_at)
    SELECT 'n' || id, id, 'identity_number', identity_number_index, identity_number, index_version,
        level_time, CASE WHEN level > 1 THEN level_method END,
        CASE WHEN level > 1 THEN level_time END
    FROM people
    """,
    """
    INSERT INTO person_identifiers
        (id, person_id, kind, value_index, value, index_version, linked_at)
    SELECT 'm' || id, id, 'mobile', mobile_index, mobile, index_version, level_time FROM people
    """,
    """
    INSERT INTO person_evidence (id, person_id, level, method, source, time, identifier)
    SELECT 'e' || id, id, level, level_method, '', level_time, 'n' || id FROM people
    """,
)


def _make_people() -> None:
    op.create_table(
        "person_identifiers",
        Column("id", String(32), nullable=False),
        _id("person_id"),
        Column("kind", String(20), nullable=False),
        Column("value_index", LargeBinary(32), nullable=False),
        Column("value", LargeBinary(), nullable=False),
        Column("index_version", Integer(), nullable=False),
        Column("linked_at", BigInteger(), nullable=False),
        Column("verified_method", String(40)),
        Column("verified_at", BigInteger()),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("value_index"),
    )
    op.create_index("person_identifiers_of", "person_identifiers", ["person_id", "id"])
    op.create_table(
        "person_evidence",
        Column("id", String(32), nullable=False),
        _id("person_id"),
        Column("level", Integer(), nullable=False),
        Column("method", String(40), nullable=False),
        Column("source", String(100), nullable=False),
        Column("time", BigInteger(), nullable=False),
        Column("expires_at", BigInteger()),
        Column("identifier", String(32)),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("person_evidence_of", "person_evidence", ["person_id", "id"])


def _make_firms() -> None:
    op.create_table(
        "firms",
        _id("id"),
        Column("credit_code", String(18), nullable=False),
        Column("name", String(200), nullable=False),
        _id("representative", nullable=True),
        _id("appointment", nullable=True),
        Column("method", String(40), nullable=False),
        Column("source", String(100), nullable=False),
        Column("registered_at", BigInteger(), nullable=False),
        Column("closed_at", BigInteger()),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("credit_code"),
    )
    op.create_index("firms_by_representative", "firms", ["representative", "id"])
    op.create_table(
        "mandates",
        _id("id"),
        _id("firm_id"),
        _id("agent"),
        Column("scope", String(1_000), nullable=False),
        Column("valid_from", BigInteger(), nullable=False),
        Column("valid_until", BigInteger(), nullable=False),
        _id("offered_by"),
        Column("offered_at", BigInteger(), nullable=False),
        Column("accepted_at", BigInteger()),
        Column("ended_at", BigInteger()),
        Column("end_reason", String(20)),
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["firm_id"], ["firms.id"]),
    )
    op.create_index("mandates_of_agent", "mandates", ["agent", "firm_id", "id"])
    op.create_index("mandates_of_firm", "mandates", ["firm_id", "id"])


def _make_departments() -> None:
    op.create_table(
        "departments",
        _id("id"),
        Column("name", String(100), nullable=False),
        _id("parent", nullable=True),
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["parent"], ["departments.id"]),
    )
    op.create_index("departments_below", "departments", ["parent", "id"])
    op.create_table(
        "posts",
        _id("id"),
        _id("department_id"),
        Column("name", String(100), nullable=False),
        PrimaryKeyConstraint("id"),
        ForeignKeyConstraint(["department_id"], ["departments.id"]),
    )
    op.create_index("posts_of_department", "posts", ["department_id", "id"])
    op.create_table(
        "department_roles",
        _id("department_id"),
        Column("role", String(60), nullable=False),
        Column("below", Boolean(), nullable=False),
        PrimaryKeyConstraint("department_id", "role"),
        ForeignKeyConstraint(["department_id"], ["departments.id"]),
    )
    op.create_table(
        "post_roles",
        _id("post_id"),
        Column("role", String(60), nullable=False),
        PrimaryKeyConstraint("post_id", "role"),
        ForeignKeyConstraint(["post_id"], ["posts.id"]),
    )


def _make_staff() -> None:
    op.create_table(
        "staff",
        _id("id"),
        _id("department_id"),
        Column("number", String(40), nullable=False),
        Column("name", LargeBinary(), nullable=False),
        _id("person_id", nullable=True),
        Column("left_at", BigInteger()),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("number"),
        ForeignKeyConstraint(["department_id"], ["departments.id"]),
    )
    op.create_index("staff_of_department", "staff", ["department_id", "id"])
    op.create_index("staff_by_person", "staff", ["person_id", "id"])
    op.create_table(
        "staff_posts",
        _id("staff_id"),
        _id("post_id"),
        PrimaryKeyConstraint("staff_id", "post_id"),
        ForeignKeyConstraint(["staff_id"], ["staff.id"]),
        ForeignKeyConstraint(["post_id"], ["posts.id"]),
    )
    op.create_index("staff_posts_of_post", "staff_posts", ["post_id", "staff_id"])


def _id(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, String(26), nullable=nullable)
