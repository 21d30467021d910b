from __future__ import annotations

import socket
import sys
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, literal_column, make_url, select

from shardctl.dialects import Statement, execute, open_database
from shardctl.errors import ConfigError, DatabaseUnavailable, UnsupportedServer
from tests.servers import Server

PASSWORD = "sesame/öffne:密码"


def beginning_with(url: str, *settings: str) -> str:
    """The URL, with settings that a server could have as its defaults."""
    command = f"SET {', '.join(settings)}"
    return (
        make_url(url)
        .update_query_dict({"init_command": command})
        .render_as_string(hide_password=False)
    )


def value(url: str, sql: str, **session: object) -> object:
    """What one query says in a session of shardctl's."""
    with open_database(url).connect(**session) as connection:  # type: ignore[arg-type]
        return connection.exec_driver_sql(sql).scalar_one()


# -- what holds in a session ----------------------------------------------------------------------


def test_a_session_waits_for_locks_as_long_as_it_is_told(server_url: str) -> None:
    for variable in ("lock_wait_timeout", "innodb_lock_wait_timeout"):
        assert value(server_url, f"SELECT @@{variable}", lock_wait=7) == 7


def test_a_session_waits_for_seconds_by_default_not_for_a_day(server_url: str) -> None:
    assert value(server_url, "SELECT @@lock_wait_timeout") == 5


def test_what_is_sent_as_it_is_changes_nothing_for_sqlalchemys_own_text(server_url: str) -> None:
    database = open_database(server_url)
    create = "CREATE TABLE t_order (id int PRIMARY KEY, note varchar(9) DEFAULT '50%')"
    with database.connect() as connection:
        execute(connection, Statement(create))
        assert "'50%'" in database.dialect.definition(connection, "t_order").create
        assert connection.scalar(select(literal_column("'50%'"))) == "50%"


@pytest.mark.parametrize(
    ("zone", "minutes"),
    [("+00:00", 0), ("-03:30", -210), ("Asia/Shanghai", 480), ("Asia/Kathmandu", 345), ("UTC", 0)],
)
def test_a_session_is_in_its_zone_whether_the_server_knows_zones_or_not(
    server_url: str, zone: str, minutes: int
) -> None:
    ahead = "SELECT TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW())"
    assert value(server_url, ahead, zone=zone) == minutes


def test_a_zone_with_daylight_saving_is_the_servers_or_is_refused(server_url: str) -> None:
    knows = value(server_url, "SELECT CONVERT_TZ(NOW(), 'UTC', 'Europe/Berlin')") is not None
    in_summer = "SELECT UNIX_TIMESTAMP('2026-07-01 02:00:00')"
    if knows:
        assert value(server_url, in_summer, zone="Europe/Berlin") == 1782864000
    else:
        with pytest.raises(ConfigError, match=r"Europe/Berlin.*mysql_tzinfo_to_sql"):
            value(server_url, in_summer, zone="Europe/Berlin")


@pytest.mark.parametrize("zone", ["Asia/Nowhere", "+25:00", "Asia", "../zoneinfo", ""])
def test_a_zone_that_does_not_exist_is_refused(server_url: str, zone: str) -> None:
    with pytest.raises(ConfigError, match="neither an IANA time zone"):
        value(server_url, "SELECT 1", zone=zone)


def test_modes_that_spell_text_otherwise_are_off_and_the_others_stay(server_url: str) -> None:
    url = beginning_with(
        server_url, "sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,NO_ZERO_DATE'"
    )
    modes = set(str(value(url, "SELECT @@sql_mode")).split(","))
    assert modes >= {"STRICT_ALL_TABLES", "NO_ZERO_DATE", "PIPES_AS_CONCAT"}
    assert not modes & {"ANSI", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"}


@pytest.mark.parametrize("mode", ["", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "STRICT_ALL_TABLES"])
def test_one_mode_or_none_is_left_as_it_should(server_url: str, mode: str) -> None:
    left = mode if mode == "STRICT_ALL_TABLES" else ""
    url = beginning_with(server_url, f"sql_mode = '{mode}'")
    assert value(url, "SELECT @@sql_mode") == left


def test_mariadb_modes_that_contain_another_spelling_are_off(mariadb_url: str) -> None:
    url = beginning_with(mariadb_url, "sql_mode = 'ORACLE,MYSQL40,STRICT_ALL_TABLES'")
    modes = set(str(value(url, "SELECT @@sql_mode")).split(","))
    assert "STRICT_ALL_TABLES" in modes
    assert not modes & {"ORACLE", "MYSQL40", "ANSI_QUOTES", "NO_TABLE_OPTIONS"}


def test_sqlalchemy_quotes_as_the_session_reads(server_url: str) -> None:
    url = beginning_with(server_url, "sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
    table = Table("t order", MetaData(), Column("id", Integer), Column("select", String(20)))
    with open_database(url).connect() as connection:
        table.create(connection)
        connection.execute(table.insert().values({"id": 1, "select": r"a\b'c"}))
        text = select(table.c.id).where(table.c["select"] == r"a\b'c")
        literal = text.compile(connection, compile_kwargs={"literal_binds": True})
        assert connection.exec_driver_sql(str(literal)).scalar_one() == 1


def test_names_are_quoted_in_the_text_of_tables(server_url: str) -> None:
    url = beginning_with(server_url, "sql_quote_show_create = 0", "sql_mode = 'ANSI_QUOTES'")
    with open_database(url).connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t_order (a INT)")
        text = connection.exec_driver_sql("SHOW CREATE TABLE t_order").one()[1]
    assert text.startswith("CREATE TABLE `t_order` (\n  `a` int")


def test_characters_are_utf8mb4_whatever_the_url_says(server_url: str) -> None:
    url = make_url(server_url).update_query_dict({"charset": "latin1"})
    with open_database(url.render_as_string(hide_password=False)).connect() as connection:
        charsets = connection.exec_driver_sql(
            "SELECT @@character_set_client, @@character_set_connection, @@character_set_results"
        ).one()
        assert charsets == ("utf8mb4", "utf8mb4", "utf8mb4")
        assert connection.exec_driver_sql("SELECT '订单🎈', HEX('订')").one() == (
            "订单🎈",
            "E8AEA2",
        )


def test_a_session_ends_with_its_block(server_url: str) -> None:
    database = open_database(server_url)
    with database.connect() as connection:
        session = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
    with database.connect() as connection:
        while connection.exec_driver_sql(
            "SELECT 1 FROM information_schema.processlist WHERE id = %s", (session,)
        ).first():
            pass  # the server takes a moment to notice; the test's own timeout is the limit


# -- where no session can be had ------------------------------------------------------------------


@pytest.fixture
def account(server: Server) -> Iterator[str]:
    """The URL of a user who has a password and no rights."""
    name = f"shardctl_{uuid.uuid4().hex[:12]}"
    users = f"{name}@'%', {name}@localhost"  # an anonymous user of localhost comes before %
    with server.fresh_database() as url:
        database = open_database(url)
        with database.connect() as connection:
            created = users.replace("%", "%%").replace(",", " IDENTIFIED BY %s,")
            connection.exec_driver_sql(
                f"CREATE USER {created} IDENTIFIED BY %s", (PASSWORD, PASSWORD)
            )
        try:
            yield make_url(url).set(username=name, password=PASSWORD).render_as_string(False)
        finally:
            with database.connect() as connection:
                execute(connection, Statement(f"DROP USER {users}"))


def refusal(url: str) -> str:
    """The one line that says why there is no session."""
    with pytest.raises(DatabaseUnavailable) as refused:
        open_database(url)
    message = str(refused.value)
    assert "\n" not in message
    assert PASSWORD not in message
    assert "sesame" not in message
    return message


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with socket.socket() as closed:  # bound, so that nobody else listens there
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        message = refusal(f"mysql+pymysql://root:sesame@127.0.0.1:{port}/orders")
    assert f"cannot connect to mysql+pymysql://root:***@127.0.0.1:{port}/orders" in message
    assert "(2003) Can't connect" in message
    assert message.endswith("check host and port, and that the server runs")


def test_a_host_that_does_not_exist_is_unavailable() -> None:
    message = refusal("mysql+pymysql://root:sesame@no-such-host.invalid/orders")
    assert "no-such-host.invalid" in message


def test_a_wrong_password_is_told_without_it(account: str) -> None:
    wrong = make_url(account).set(password=f"wrong{PASSWORD}").render_as_string(False)
    message = refusal(wrong)
    assert "(1045) Access denied for user" in message
    assert message.endswith("check user, password and grants")


def test_a_password_may_have_any_characters(account: str) -> None:
    url = make_url(account).set(database="information_schema")
    assert str(value(url.render_as_string(False), "SELECT USER()")).startswith("shardctl_")


def test_a_database_without_grants_is_told(account: str) -> None:
    assert "(1044) Access denied for user" in refusal(account)


def test_a_password_in_the_query_of_a_url_is_not_told(account: str) -> None:
    url = make_url(account).set(password=None).update_query_dict({"passwd": PASSWORD})
    refusal(url.render_as_string(False))


def test_an_unknown_database_is_told(server_url: str) -> None:
    url = make_url(server_url).set(database="no_such_orders").render_as_string(False)
    message = refusal(url)
    assert "(1049) Unknown database 'no_such_orders'" in message
    assert message.endswith("create it first, or name another in the url")


# -- URLs that cannot be used ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "orders",
        "oracle9://root:sesame@host/orders",
        "mysql+nodriver://root:sesame@host/orders",
        "mysql+pymysql://root:open@sesame@host/orders",
        "mysql+pymysql://root:open@host:sesame@host/orders",
        "mysql+pymysql://root:x@host:sesame/orders",
    ],
)
def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match=r"mysql\+pymysql://user:password@host") as refused:
        open_database(url)
    assert "sesame" not in str(refused.value)


def test_a_driver_for_asyncio_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"asyncio; write mysql\+pymysql"):
        open_database("mysql+asyncmy://root:sesame@host/orders")


def test_a_missing_driver_is_named_with_one_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    with pytest.raises(ConfigError, match=r"MySQLdb.*mysql\+pymysql"):
        open_database("mysql://root:sesame@host/orders")


def test_another_kind_of_server_is_refused() -> None:
    with pytest.raises(UnsupportedServer, match="postgresql is none of them"):
        open_database("postgresql://root:sesame@host/orders")


def test_sessions_are_encrypted_where_the_server_can_with_one_context_for_all(
    server_url: str,
) -> None:
    plain = make_url(server_url).difference_update_query(["ssl_disabled"])
    database = open_database(plain)
    with database.connect() as one, database.connect() as other:
        drivers = [each.connection.dbapi_connection for each in (one, other)]
        ciphers = [
            each.exec_driver_sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'").one()[1]
            for each in (one, other)
        ]
    can = database.dialect.name == "mysql"
    assert [bool(cipher) for cipher in ciphers] == [can, can]
    assert len({getattr(driver, "ctx", None) for driver in drivers}) == 1


def test_a_certificate_that_must_be_verified_is_verified_by_every_session(mysql_url: str) -> None:
    strict = make_url(mysql_url).difference_update_query(["ssl_disabled"])
    strict = strict.update_query_dict({"ssl_verify_cert": "true", "ssl_verify_identity": "true"})
    with pytest.raises(DatabaseUnavailable, match="certificate"):
        open_database(strict)
