"""Jobs, prompts as typed, and which prompt made which file."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "jobs",
        sa.Column("seq", sa.Integer, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("client_id", sa.String(256), nullable=True),
        sa.Column("number", sa.Float, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("workflow", sa.String(255), nullable=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("graph", sa.JSON, nullable=False),
        sa.Column("extra_data", sa.JSON, nullable=False),
        sa.Column("targets", sa.JSON, nullable=False),
        sa.Column("values", sa.JSON, nullable=False),
        sa.Column("prompt_raw", sa.JSON, nullable=False),
        sa.Column("outputs", sa.JSON, nullable=False),
        sa.Column("error", sa.JSON, nullable=True),
        sa.Column("messages", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("started_at", sa.Float, nullable=True),
        sa.Column("finished_at", sa.Float, nullable=True),
        sa.Column("in_history", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("seq", name="pk_jobs"),
        sa.UniqueConstraint("id", name="uq_jobs_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_jobs_state_number", "jobs", ["state", "number"])
    op.create_index("ix_jobs_in_history_seq", "jobs", ["in_history", "seq"])
    op.create_table(
        "prompt_raw",
        sa.Column("prompt_id", sa.String(64), primary_key=True),
        sa.Column("texts", sa.JSON, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
    )
    op.create_table(
        "outputs",
        sa.Column("subfolder", sa.Text, primary_key=True),
        sa.Column("filename", sa.Text, primary_key=True),
        sa.Column("prompt_id", sa.String(64), nullable=False),
        sa.Column("node_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_index("ix_outputs_prompt_id", "outputs", ["prompt_id"])
