"""What renders started from, and where files were moved to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "job_inputs",
        sa.Column("prompt_id", sa.String(64), primary_key=True),
        sa.Column("node_id", sa.Text, primary_key=True),
        sa.Column("input", sa.Text, primary_key=True),
        sa.Column("folder", sa.String(16), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
    )
    op.create_index("ix_job_inputs_path", "job_inputs", ["path", "folder"])
    op.create_index("ix_job_inputs_content", "job_inputs", ["content"])
    op.create_table(
        "moves",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("before", sa.Text, nullable=False),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("is_folder", sa.Boolean, nullable=False),
        sa.Column("moved_at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_moves_before", "moves", ["before"])
    op.create_index("ix_moves_after", "moves", ["after"])
