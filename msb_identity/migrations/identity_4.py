"""Sign-in: passwords, challenges, scans, and what a session remembers."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    text,
)

revision = "identity_4"
down_revision = "identity_3"


def upgrade() -> None:
    """Add the columns of sessions, and the tables."""
    _widen_sessions()
    _make_history()
    _make_passwords()
    _make_certificates()
    _make_scans()


def _widen_sessions() -> None:
    """Sessions that there are belong to persons, and have no secret."""
    op.add_column(
        "sessions",
        Column("subject_kind", String(16), nullable=False, server_default=text("'person'")),
    )
    op.add_column(
        "sessions", Column("place", String(100), nullable=False, server_default=text("''"))
    )
    op.add_column("sessions", Column("secret_hash", LargeBinary(32)))
    op.add_column("sessions", Column("idle_until", BigInteger))
    op.add_column(
        "sessions", Column("amr_times", String(400), nullable=False, server_default=text("''"))
    )
    op.create_index("ix_sessions_secret_hash", "sessions", ["secret_hash"], unique=True)
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])


def _make_history() -> None:
    op.create_table(
        "sign_ins",
        Column("id", String(32), nullable=False),
        Column("subject", String(26), nullable=False),
        Column("succeeded", Boolean, nullable=False),
        Column("method", String(40), nullable=False),
        Column("outcome", String(40), nullable=False),
        Column("origin", LargeBinary, nullable=False),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sign_ins_subject", "sign_ins", ["subject", "succeeded", "id"])


def _make_passwords() -> None:
    op.create_table(
        "passwords",
        Column("subject", String(26), nullable=False),
        Column("hash", LargeBinary, nullable=False),
        Column("changed_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("subject"),
    )


def _make_certificates() -> None:
    op.create_table(
        "challenges",
        Column("nonce_hash", LargeBinary(32), nullable=False),
        Column("purpose", String(100), nullable=False),
        Column("audience", String(300), nullable=False),
        Column("expires_at_us", BigInteger, nullable=False),
        PrimaryKeyConstraint("nonce_hash"),
    )
    op.create_index("ix_challenges_expires_at_us", "challenges", ["expires_at_us"])
    op.create_table(
        "certificate_bindings",
        Column("id", LargeBinary(32), nullable=False),
        Column("subject", String(26), nullable=False),
        Column("subject_kind", String(16), nullable=False),
        Column("bound_by", String(16), nullable=False),
        Column("bound_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_certificate_bindings_subject", "certificate_bindings", ["subject"])


def _make_scans() -> None:
    op.create_table(
        "scans",
        Column("code_hash", LargeBinary(32), nullable=False),
        Column("secret_hash", LargeBinary(32), nullable=False),
        Column("state", String(16), nullable=False),
        Column("number", Integer, nullable=False),
        Column("choices", String(16), nullable=False),
        Column("device", String(200), nullable=False),
        Column("place", String(100), nullable=False),
        Column("sid", String(22)),
        Column("polled_at_us", BigInteger, nullable=False),
        Column("expires_at_us", BigInteger, nullable=False),
        PrimaryKeyConstraint("code_hash"),
    )
    op.create_index("ix_scans_secret_hash", "scans", ["secret_hash"], unique=True)
    op.create_index("ix_scans_expires_at_us", "scans", ["expires_at_us"])
