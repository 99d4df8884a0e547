from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from cozygen.storage.database import HEAD, Database
from cozygen.storage.tables import metadata


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(tmp_path / "x" / "studio.db")
    database.open()
    return database


async def test_migrations_make_exactly_the_tables_that_the_code_declares(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await database.read(differences) == []
    database.close()


async def test_opening_again_keeps_what_is_there(database: Database) -> None:
    await database.write(
        lambda c: c.execute(text("INSERT INTO prompt_raw VALUES ('a', '{}', 1.0)")) and None,
    )
    database.close()
    again = Database(database.path)
    again.open()
    rows = await again.read(lambda c: c.execute(text("SELECT prompt_id FROM prompt_raw")).all())
    assert [tuple(row) for row in rows] == [("a",)]
    versions = await again.read(lambda c: c.execute(text("SELECT version_num FROM alembic_version")).all())
    assert [tuple(row) for row in versions] == [(HEAD,)]
    again.close()


async def test_a_failed_write_leaves_nothing(database: Database) -> None:
    def fail(connection: Connection) -> None:
        connection.execute(text("INSERT INTO prompt_raw VALUES ('a', '{}', 1.0)"))
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        await database.write(fail)
    count = await database.read(lambda c: c.execute(text("SELECT count(*) FROM prompt_raw")).scalar_one())
    assert count == 0
    database.close()
