"""Sessions that stand in the way of a command, and the command in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.nursery import Child, Nursery
from tests.project import Project


@contextmanager
def started(nursery: Nursery, project: Project, *arguments: str) -> Iterator[Child]:
    """A command of shardctl in a process of its own, which does not outlive the block."""
    process = nursery.start("shardctl", *arguments, cwd=project.folder)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ended(process: Child) -> tuple[int, str]:
    """The exit code of a process, and what it says is wrong."""
    _, errors = process.communicate()
    return process.wait(), errors


@contextmanager
def read_by_another(project: Project, month: str) -> Iterator[int]:
    """A session that has read a month and has not ended its transaction; gives its id."""
    dialect = project.database.dialect
    with project.connect() as reader, dialect.transaction(reader):
        session = dialect.connection_id(reader) or 0
        reader.exec_driver_sql(f"SELECT * FROM {month}").all()
        yield session


def waiting(project: Project) -> list[int]:
    """The sessions whose statement waits for a table's metadata lock."""
    return [
        int(str(session))
        for (session,) in project.rows(
            "SELECT id FROM information_schema.processlist WHERE db = DATABASE() "
            "AND info LIKE '/* shardctl %' AND state = 'Waiting for table metadata lock'"
        )
    ]
