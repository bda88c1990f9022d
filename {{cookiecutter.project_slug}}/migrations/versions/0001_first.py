"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "conversation",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("first", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("kept", sa.JSON, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("letters", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.Double, nullable=False),
        sa.Column("deleted", sa.Double),
        sa.Index("conversation_by_owner", "owner", "changed"),
    )
    op.create_table(
        "message",
        _of_conversation(),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.Column("asked", sa.Double),
        sa.Column("beat", sa.Double),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "file",
        _of_conversation(),
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("data", sa.Text, nullable=False),
    )


def _of_conversation() -> sa.Column:
    cascade = sa.ForeignKey("conversation.id", ondelete="CASCADE")
    return sa.Column("conversation", sa.String(32), cascade, primary_key=True)
