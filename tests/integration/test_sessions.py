"""The sessions that an upgrade works with, where the server has few of them to give."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import make_url

from shardctl.errors import DatabaseUnavailable, StepFailed
from shardctl.migrate import commands
from shardctl.migrate.course import Course
from tests.project import ORDERS, Project
from tests.servers import Server, user_with

MONTHS = tuple(f"t_order_2020{month:02}" for month in range(1, 13))
ENOUGH = 30


@contextmanager
def limited(server: Server, user: str, sessions: int) -> Iterator[None]:
    """A user who may have so many sessions at the same time; afterwards any number."""
    with closing(server.connect()) as connection, connection.cursor() as cursor:

        def limit(most: int) -> None:
            for account in (user, f"{user}@localhost"):
                cursor.execute(f"ALTER USER {account} WITH MAX_USER_CONNECTIONS {most}")

        limit(sessions)
        try:
            yield
        finally:
            limit(0)


def test_without_a_session_for_every_job_it_stops_and_the_next_run_goes_on(
    server: Server, tmp_path: Path
) -> None:
    with (
        server.fresh_database() as plain,
        user_with(server, str(make_url(plain).database), "ALL") as url,
    ):
        project = Project.make(tmp_path, url, "t_order")
        tables = ("t_order", *MONTHS)
        project.sql(*(ORDERS.format(table=table, comment_id="") for table in tables))
        project.revision("r1", 'op.add_column("t_order", sa.Column("room_id", sa.Integer()))')
        told = failure(project, server, str(make_url(url).username))
        assert "to work with: cannot connect" in told
        assert "wait until other sessions have ended, or have the limit raised" in told
        assert "What was done before is recorded" in told
        assert "--jobs" in told
        done = {table for (_, table), row in project.ledger_rows("r1").items() if row.done}
        assert done == {table for table in tables if has_column(project, table)}
        assert "t_order" in done
        commands.upgrade(project.config)
        assert all(has_column(project, table) for table in tables)


def has_column(project: Project, table: str) -> bool:
    return any(column.name == "room_id" for column in project.structure(table).columns)


def failure(project: Project, server: Server, user: str) -> str:
    """What an upgrade says that has a session to work with, and not as many as it wants."""
    for sessions in range(1, ENOUGH):
        with limited(server, user, sessions):
            try:
                commands.upgrade(project.config, "r1", course=Course(jobs=8))
            except DatabaseUnavailable:
                continue  # there was none to begin with
            except StepFailed as error:
                if "no session 1 of 8" not in str(error):
                    return str(error)
    raise AssertionError("it was never short of sessions")
