"""The fixtures themselves: each gives what its name says."""

from __future__ import annotations

import os

import pymysql
import pytest
import sqlalchemy as sa

from tests.servers import Server


def version(url: str) -> str:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return str(connection.scalar(sa.text("SELECT VERSION()")))


def test_mysql_is_mysql(mysql_url: str) -> None:
    assert "mariadb" not in version(mysql_url).lower()


def test_mariadb_is_mariadb(mariadb_url: str) -> None:
    assert "mariadb" in version(mariadb_url).lower()


def test_a_database_is_empty_and_can_be_written(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        assert sa.inspect(connection).get_table_names() == []
        connection.execute(sa.text("CREATE TABLE t_order_202601 (order_id VARCHAR(64))"))


def test_a_server_database_speaks_utf8mb4(server_url: str) -> None:
    with sa.create_engine(server_url, poolclass=sa.NullPool).connect() as connection:
        assert connection.scalar(sa.text("SELECT '订单😀'")) == "订单😀"


def test_a_session_left_behind_does_not_hold_up_the_drop(server: Server) -> None:
    with server.fresh_database() as url:
        engine = sa.create_engine(url)
        connection = engine.connect()
        connection.execute(sa.text("CREATE TABLE t (id INT)"))
        connection.execute(sa.text("LOCK TABLES t READ"))
        name = sa.make_url(url).database
    with server.connect() as after, after.cursor() as cursor:
        cursor.execute("SHOW DATABASES LIKE %s", (name,))
        assert cursor.fetchall() == ()
    with pytest.raises(sa.exc.OperationalError) as lost:
        connection.execute(sa.text("SELECT 1"))
    assert isinstance(lost.value.orig, pymysql.OperationalError)
    connection.invalidate()
    connection.close()


def test_settings_of_the_developer_are_out_of_sight() -> None:
    assert [name for name in os.environ if name.startswith("SHARDCTL_")] == []
