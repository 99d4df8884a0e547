"""The database's tables. Every change here goes with a migration in `cozygen.storage.migrations`."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text, false

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
    Column("group_id", String(64), nullable=True, comment="the batch or sweep that it is part of"),
    Column("group_place", Integer, nullable=True, comment="its place there, from 0"),
    Index("ix_jobs_state_number", "state", "number"),
    Index("ix_jobs_in_history_seq", "in_history", "seq"),
    Index("ix_jobs_group_id", "group_id"),
)

job_groups = Table(
    "job_groups",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True, comment="order of arrival"),
    Column("id", String(64), nullable=False, unique=True),
    Column("user", String(128), nullable=False),
    Column("kind", String(16), nullable=False, comment="batch|sweep"),
    Column("workflow", String(255), nullable=True),
    Column("title", Text, nullable=False),
    Column("axes", JSON, nullable=False, comment='[{"key", "values"}, ...]; the last one varies fastest'),
    Column("count", Integer, nullable=False, comment="renders of every cell"),
    Column("created_at", Float, nullable=False),
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

job_inputs = Table(
    "job_inputs",
    metadata,
    Column("prompt_id", String(64), primary_key=True),
    Column("node_id", Text, primary_key=True),
    Column("input", Text, primary_key=True),
    Column("folder", String(16), nullable=False, comment="input|output|temp"),
    Column("path", Text, nullable=False, comment="of the file that was started from, relative to the folder"),
    Column("size", BigInteger, nullable=False, comment="bytes"),
    Column("content", String(64), nullable=False, comment="see cozygen.gallery.content; empty: it could not be read"),
    Index("ix_job_inputs_path", "path", "folder"),
    Index("ix_job_inputs_content", "content"),
)

moves = Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String(64), nullable=False, comment="the library: output, ..."),
    Column("before", Text, nullable=False, comment="relative path"),
    Column("after", Text, nullable=False),
    Column("is_folder", Boolean, nullable=False, comment="everything below `before` was moved"),
    Column("moved_at", Float, nullable=False, comment="seconds since the epoch"),
    Index("ix_moves_before", "before"),
    Index("ix_moves_after", "after"),
    sqlite_autoincrement=True,
)

studio_state = Table(
    "studio_state",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
)

user_state = Table(
    "user_state",
    metadata,
    Column("user", String(128), primary_key=True),
    Column("key", String(300), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("version", Integer, nullable=False, comment="counts the changes"),
    Column("updated_at", Float, nullable=False),
)

prompt_history = Table(
    "prompt_history",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("user", String(128), nullable=False),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the text"),
    Column("text", Text, nullable=False),
    Column("field", Text, nullable=False, comment="the form field that it was typed into last"),
    Column("workflow", String(255), nullable=True),
    Column("uses", Integer, nullable=False),
    Column("used_at", Float, nullable=False),
    Index("uq_prompt_history_user_digest", "user", "digest", unique=True),
    Index("ix_prompt_history_user_used_at", "user", "used_at"),
)

marks = Table(
    "marks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String(64), nullable=False, comment="the library: output, ..."),
    Column("subfolder", Text, nullable=False, comment="where the file was seen last"),
    Column("filename", Text, nullable=False),
    Column("placed", Boolean, nullable=False, comment="false: the file has left that place; its content identifies it"),
    Column("size", BigInteger, nullable=False, comment="bytes"),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("content", String(64), nullable=False, comment="see cozygen.gallery.content; empty: it could not be read"),
    Column("favorite", Boolean, nullable=False),
    Column("rating", Integer, nullable=False, comment="0..5"),
    Column("hidden", Boolean, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("ix_marks_source_subfolder", "source", "subfolder"),
    sqlite_autoincrement=True,
)

mark_tags = Table(
    "mark_tags",
    metadata,
    Column("mark", Integer, primary_key=True),
    Column("tag", Text, primary_key=True),
    Index("ix_mark_tags_tag", "tag"),
)

albums = Table(
    "albums",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True, comment="the name, case-folded"),
    Column("cover", Integer, nullable=True, comment="a mark; null: the first item"),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    sqlite_autoincrement=True,
)

album_items = Table(
    "album_items",
    metadata,
    Column("album", Integer, primary_key=True),
    Column("mark", Integer, primary_key=True),
    Column("place", Integer, nullable=False, comment="ascending in the album's order"),
    Index("ix_album_items_album_place", "album", "place"),
    Index("ix_album_items_mark", "mark"),
)

undo_steps = Table(
    "undo_steps",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("user", String(128), nullable=False),
    Column("kind", String(16), nullable=False, comment="what `data` is; see cozygen.gallery.undo"),
    Column("data", JSON, nullable=False),
    Column("pending", Boolean, nullable=False, comment="files are on their way: to be finished after a crash"),
    Column("created_at", Float, nullable=False),
    Index("ix_undo_steps_created_at", "created_at"),
)
