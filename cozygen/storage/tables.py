"""The database's tables. Every change here goes with a migration in `cozygen.storage.migrations`."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text, false

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

jobs = Table(
    "jobs",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True, comment="order of arrival"),
    Column("id", String(64), nullable=False, unique=True, comment="the prompt id"),
    Column("user", String(128), nullable=False),
    Column("client_id", String(256), nullable=True, comment="websocket client that follows the prompt"),
    Column("number", Float, nullable=False, comment="ComfyUI's queue number: lower runs first"),
    Column("state", String(16), nullable=False, comment="submitting|queued|running|done|failed|cancelled"),
    Column("workflow", String(255), nullable=True),
    Column("title", Text, nullable=False),
    Column("graph", JSON, nullable=False, comment="the API-format prompt"),
    Column("extra_data", JSON, nullable=False),
    Column("targets", JSON, nullable=False, comment="node ids of the outputs to execute"),
    Column("values", JSON, nullable=False, comment="the form values as sent"),
    Column("prompt_raw", JSON, nullable=False, comment="'<node>.<input>' -> text as typed"),
    Column("outputs", JSON, nullable=False, comment="node id -> what the node returned for the user interface"),
    Column("error", JSON, nullable=True, comment="payload of execution_error"),
    Column("messages", JSON, nullable=False, comment="[[event, data], ...] as ComfyUI's history keeps them"),
    Column("created_at", Float, nullable=False, comment="seconds since the epoch"),
    Column("started_at", Float, nullable=True),
    Column("finished_at", Float, nullable=True),
    Column("in_history", Boolean, nullable=False, server_default=false(), comment="listed by /history"),
    Index("ix_jobs_state_number", "state", "number"),
    Index("ix_jobs_in_history_seq", "in_history", "seq"),
)

prompt_raw = Table(
    "prompt_raw",
    metadata,
    Column("prompt_id", String(64), primary_key=True),
    Column("texts", JSON, nullable=False, comment="'<node>.<input>' -> text as typed"),
    Column("updated_at", Float, nullable=False),
)

outputs = Table(
    "outputs",
    metadata,
    Column("subfolder", Text, primary_key=True),
    Column("filename", Text, primary_key=True),
    Column("prompt_id", String(64), nullable=False),
    Column("node_id", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("ix_outputs_prompt_id", "prompt_id"),
)
