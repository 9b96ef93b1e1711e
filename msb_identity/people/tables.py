"""The tables of people, firms, mandates and staff. Their migration: migrations/identity_3.

Names and numbers of people are sealed. A firm's name and its credit code are public and stand in
clear. Who is merged into another keeps a row that points at the account that was kept, never at one
that was merged itself. Times are seconds since 1970.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from msb_identity.foundation.schema import IDENTITY

ID_CHARS = 26
MAX_METHOD_CHARS = 40
MAX_SOURCE_CHARS = 100
MAX_FIRM_NAME_CHARS = 200
MAX_TITLE_CHARS = 100
MAX_ROLE_CHARS = 60
MAX_NUMBER_CHARS = 40
MAX_SCOPE_CHARS = 1_000

metadata = IDENTITY.tables()
people = Table(
    "people",
    metadata,
    Column("id", String(ID_CHARS), primary_key=True),
    Column("name", LargeBinary, nullable=False),
    Column("merged_into", String(ID_CHARS)),
    Index("people_by_kept", "merged_into", "id"),
)
identifiers = Table(
    "person_identifiers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person_id", String(ID_CHARS), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("value_index", LargeBinary(32), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("index_version", Integer, nullable=False),
    Column("linked_at", BigInteger, nullable=False),
    Column("verified_method", String(MAX_METHOD_CHARS)),  # none: only declared
    Column("verified_at", BigInteger),
    # Domains differ, so that one constraint holds for all kinds.
    UniqueConstraint("value_index"),
    Index("person_identifiers_of", "person_id", "id"),
)
evidence = Table(
    "person_evidence",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("person_id", String(ID_CHARS), nullable=False),
    Column("level", Integer, nullable=False),
    Column("method", String(MAX_METHOD_CHARS), nullable=False),
    Column("source", String(MAX_SOURCE_CHARS), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("identifier", String(32)),  # what it was about: gone with it
    Index("person_evidence_of", "person_id", "id"),
)
firms = Table(
    "firms",
    metadata,
    Column("id", String(ID_CHARS), primary_key=True),
    Column("credit_code", String(18), nullable=False, unique=True),  # 统一社会信用代码
    Column("name", String(MAX_FIRM_NAME_CHARS), nullable=False),
    Column("representative", String(ID_CHARS)),  # 法定代表人; none: nobody acts
    Column("appointment", String(ID_CHARS)),  # the id that his acts carry; new with each
    Column("method", String(MAX_METHOD_CHARS), nullable=False),
    Column("source", String(MAX_SOURCE_CHARS), nullable=False),
    Column("registered_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Index("firms_by_representative", "representative", "id"),
)
mandates = Table(
    "mandates",
    metadata,
    Column("id", String(ID_CHARS), primary_key=True),
    Column("firm_id", ForeignKey("firms.id"), nullable=False),
    Column("agent", String(ID_CHARS), nullable=False),
    Column("scope", String(MAX_SCOPE_CHARS), nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=False),
    Column("offered_by", String(ID_CHARS), nullable=False),
    Column("offered_at", BigInteger, nullable=False),
    Column("accepted_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("end_reason", String(20)),
    Index("mandates_of_agent", "agent", "firm_id", "id"),
    Index("mandates_of_firm", "firm_id", "id"),
)
departments = Table(
    "departments",
    metadata,
    Column("id", String(ID_CHARS), primary_key=True),
    Column("name", String(MAX_TITLE_CHARS), nullable=False),
    Column("parent", ForeignKey("departments.id")),
    Index("departments_below", "parent", "id"),
)
posts = Table(
    "posts",
    metadata,
    Column("id", String(ID_CHARS), primary_key=True),
    Column("department_id", ForeignKey("departments.id"), nullable=False),
    Column("name", String(MAX_TITLE_CHARS), nullable=False),
    Index("posts_of_department", "department_id", "id"),
)
staff = Table(
    "staff",
    metadata,
    Column("id", String(ID_CHARS), primary_key=True),
    Column("department_id", ForeignKey("departments.id"), nullable=False),
    Column("number", String(MAX_NUMBER_CHARS), nullable=False, unique=True),  # 工号
    Column("name", LargeBinary, nullable=False),
    Column("person_id", String(ID_CHARS)),
    Column("left_at", BigInteger),
    Index("staff_of_department", "department_id", "id"),
    Index("staff_by_person", "person_id", "id"),
)
staff_posts = Table(
    "staff_posts",
    metadata,
    Column("staff_id", ForeignKey("staff.id"), primary_key=True),
    Column("post_id", ForeignKey("posts.id"), primary_key=True),
    Index("staff_posts_of_post", "post_id", "staff_id"),
)
department_roles = Table(
    "department_roles",
    metadata,
    Column("department_id", ForeignKey("departments.id"), primary_key=True),
    Column("role", String(MAX_ROLE_CHARS), primary_key=True),
    Column("below", Boolean, nullable=False),  # for the departments below it too
)
post_roles = Table(
    "post_roles",
    metadata,
    Column("post_id", ForeignKey("posts.id"), primary_key=True),
    Column("role", String(MAX_ROLE_CHARS), primary_key=True),
)
NAMES_A_PERSON = (
    identifiers.c.person_id,
    evidence.c.person_id,
    firms.c.representative,
    mandates.c.agent,
    mandates.c.offered_by,
    staff.c.person_id,
)
"""All columns of this room that name a person: a merge goes over them."""
