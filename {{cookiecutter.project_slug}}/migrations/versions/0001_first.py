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
        sa.Column("name", sa.Text, nullable=False),  # what the user has called it
        sa.Column("first", sa.Text, nullable=False),  # its first question's beginning
        sa.Column("text", sa.Text, nullable=False),  # the name for the search, which ignores case
        sa.Column("kept", sa.JSON, nullable=False),  # what features keep with it
        sa.Column("revision", sa.Integer, nullable=False),  # goes up with each change that others should see
        sa.Column("size", sa.BigInteger, nullable=False),  # characters of all that is stored with it
        sa.Column("changed", sa.Double, nullable=False),  # when something was last asked
        sa.Column("deleted", sa.Double),  # when
        _of_owner("changed", sa.text("deleted IS NULL")),
        _of_owner("deleted", sa.text("deleted IS NOT NULL")),
    )
    op.create_table(
        "message",
        _of_conversation(),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("shown", sa.Boolean, nullable=False),
        sa.Column("beat", sa.Double),  # when an answer that grows was last written; below 0 if it is to stop
        sa.Column("text", sa.Text, nullable=False),  # for the search
        sa.Column("data", sa.JSON, nullable=False),  # LangChain's form of it; not JSONB, which refuses some texts
    )
    op.create_table(
        "file",
        _of_conversation(),
        sa.Column("hash", sa.String(64), primary_key=True),  # of its content: each version of a question has the same
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_table(  # when each owner has asked, for the limits; a day is enough
        "asked",
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Index("asked_by_owner", "owner", "time"),
    )
    op.create_table(  # where people sign in: the sign-ins that have been ended, and when
        "signed_out",
        sa.Column("sign_in", sa.String(64), primary_key=True),
        sa.Column("time", sa.Double, nullable=False),
    )


def _of_conversation() -> sa.Column:
    cascade = sa.ForeignKey("conversation.id", ondelete="CASCADE")
    return sa.Column("conversation", sa.String(32), cascade, primary_key=True)


def _of_owner(column: str, where: sa.TextClause) -> sa.Index:
    """Return an index that gives an owner's conversations in this order, without reading the others."""
    return sa.Index(f"conversation_by_{column}", "owner", column, sqlite_where=where, postgresql_where=where)
