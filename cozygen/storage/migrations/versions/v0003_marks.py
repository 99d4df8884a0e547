"""What people add to files (favourites, ratings, tags, albums), and how to undo what they did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "marks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("subfolder", sa.Text, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("placed", sa.Boolean, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("favorite", sa.Boolean, nullable=False),
        sa.Column("rating", sa.Integer, nullable=False),
        sa.Column("hidden", sa.Boolean, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_marks_source_subfolder", "marks", ["source", "subfolder"])
    op.create_table(
        "mark_tags",
        sa.Column("mark", sa.Integer, primary_key=True),
        sa.Column("tag", sa.Text, primary_key=True),
    )
    op.create_index("ix_mark_tags_tag", "mark_tags", ["tag"])
    op.create_table(
        "albums",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("cover", sa.Integer, nullable=True),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
        sa.UniqueConstraint("folded", name="uq_albums_folded"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "album_items",
        sa.Column("album", sa.Integer, primary_key=True),
        sa.Column("mark", sa.Integer, primary_key=True),
        sa.Column("place", sa.Integer, nullable=False),
    )
    op.create_index("ix_album_items_album_place", "album_items", ["album", "place"])
    op.create_index("ix_album_items_mark", "album_items", ["mark"])
    op.create_table(
        "undo_steps",
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("pending", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_index("ix_undo_steps_created_at", "undo_steps", ["created_at"])
