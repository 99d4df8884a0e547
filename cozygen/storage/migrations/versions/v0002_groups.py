"""Groups of jobs, the state of the studio and of its users, prompts used before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables, and tell jobs which group they are part of."""
    op.add_column("jobs", sa.Column("group_id", sa.String(64), nullable=True))
    op.add_column("jobs", sa.Column("group_place", sa.Integer, nullable=True))
    op.create_index("ix_jobs_group_id", "jobs", ["group_id"])
    op.create_table(
        "job_groups",
        sa.Column("seq", sa.Integer, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("workflow", sa.String(255), nullable=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("axes", sa.JSON, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_job_groups"),
        sa.UniqueConstraint("id", name="uq_job_groups_id"),
    )
    op.create_table(
        "studio_state",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
    )
    op.create_table(
        "user_state",
        sa.Column("user", sa.String(128), primary_key=True),
        sa.Column("key", sa.String(300), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
    )
    op.create_table(
        "prompt_history",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("user", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("workflow", sa.String(255), nullable=True),
        sa.Column("uses", sa.Integer, nullable=False),
        sa.Column("used_at", sa.Float, nullable=False),
    )
    op.create_index("uq_prompt_history_user_digest", "prompt_history", ["user", "digest"], unique=True)
    op.create_index("ix_prompt_history_user_used_at", "prompt_history", ["user", "used_at"])
