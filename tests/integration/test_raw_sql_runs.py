"""Raw SQL, filled in for one month: the server changes that month and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from shardctl.clause import Names, Sql
from shardctl.dialects import Database, Statement, execute, open_database
from shardctl.errors import RevisionRefused
from shardctl.migrate.compile.raw import Flavour, clauses

MONTH = Names(
    tables={"t_order": "t_order_202601", "t_user": "t_user_202601"},
    tag="_202601",
    existing={("check", "old_check"): "month_check", ("foreign key", "old_key"): "month_key"},
)

TABLES = """
    CREATE TABLE {user} (id INT PRIMARY KEY);
    CREATE TABLE {order} (
        id INT PRIMARY KEY, t_order INT NOT NULL DEFAULT 0, user_id INT, coin INT, note TEXT,
        KEY ix_user (user_id), KEY ix_coin (coin),
        CONSTRAINT {check} CHECK (coin >= 0),
        CONSTRAINT {key} FOREIGN KEY (coin) REFERENCES {user} (id)
    )
"""

COLUMN = (
    "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() "
    "AND table_name = 't_order_202601' AND column_name = '{}'"
)
INDEX = (
    "SELECT GROUP_CONCAT(column_name ORDER BY seq_in_index) FROM information_schema.statistics "
    "WHERE table_schema = DATABASE() AND table_name = 't_order_202601' AND index_name = '{}'"
)
CONSTRAINTS = (
    "SELECT GROUP_CONCAT(constraint_name ORDER BY constraint_name) "
    "FROM information_schema.table_constraints WHERE table_schema = DATABASE() "
    "AND table_name = 't_order_202601' AND constraint_type IN ('CHECK', 'FOREIGN KEY')"
)
NOTES = "SELECT GROUP_CONCAT(note ORDER BY id SEPARATOR '|') FROM t_order_202601"
VALUES = "SELECT GROUP_CONCAT(t_order ORDER BY id) FROM t_order_202601"

# In turn: what a revision says, and what the month then answers to which question.
REVISION = [
    ("ALTER TABLE t_order ADD COLUMN room_id BIGINT NOT NULL DEFAULT 0 AFTER t_order; # t_order",
     COLUMN.format("room_id"), 1),
    ("ALTER TABLE `t_order` DROP room_id, ADD (a INT COMMENT 't_order; 100%', b INT)",
     COLUMN.format("room_id"), 0),
    ("CREATE INDEX t_order ON t_order (t_order, `id`) COMMENT 'of t_order'",
     INDEX.format("t_order"), "t_order,id"),
    ("ALTER TABLE t_order RENAME INDEX t_order TO ix_t_order",
     INDEX.format("ix_t_order"), "t_order,id"),
    ("DROP INDEX ix_t_order ON t_order", INDEX.format("ix_t_order"), None),
    ("ALTER TABLE t_order DROP CONSTRAINT old_check, DROP FOREIGN KEY old_key",
     CONSTRAINTS, None),
    ("ALTER TABLE t_order ADD CONSTRAINT positive CHECK (t_order >= 0), "
     "ADD CONSTRAINT buyer FOREIGN KEY (user_id) REFERENCES t_user (id)",
     CONSTRAINTS, "buyer_202601,positive_202601"),
    ("ANALYZE TABLE t_order", CONSTRAINTS, "buyer_202601,positive_202601"),
    ("UPDATE t_order SET t_order = id * 10, note = 't_order: 100% ''it''; -- no' WHERE t_order = 0",
     VALUES, "10,20,30"),
    ("UPDATE LOW_PRIORITY t_order SET t_order.note = (SELECT 'x' FROM t_user WHERE id = 7) "
     "WHERE t_order.id = 1",
     NOTES, "x|t_order: 100% 'it'; -- no|t_order: 100% 'it'; -- no"),
    ("UPDATE t_order o JOIN t_user u ON u.id = o.user_id SET o.note = 'known'",
     NOTES, "known|t_order: 100% 'it'; -- no|t_order: 100% 'it'; -- no"),
    ("UPDATE {t_order} t_order SET t_order.note = CONCAT('{t_order}', @x := 3)",
     NOTES, "{t_order}3|{t_order}3|{t_order}3"),
    ("INSERT INTO t_order (id, t_order) SELECT id + 3, t_order FROM t_order WHERE t_order.id = 3",
     VALUES, "10,20,30,30"),
    ("REPLACE INTO t_order (id, t_order) SELECT id, 5 FROM t_order WHERE id = 6",
     VALUES, "10,20,30,5"),
    ("DELETE QUICK FROM t_order WHERE t_order = 5", VALUES, "10,20,30"),
    ("DELETE o FROM t_order AS o JOIN t_user u ON u.id = o.user_id", VALUES, "20,30"),
    ("DELETE FROM o USING t_order AS o WHERE o.t_order = 30", VALUES, "20"),
]  # fmt: skip


def ask(connection: Connection, question: str) -> Any:
    return connection.exec_driver_sql(question).scalar()


def give(
    connection: Connection, database: Database, text: str, names: Names, **options: bool
) -> Sequence[str]:
    """Run a text with these names in it; gives the tables that its clauses are for."""
    flavour: Flavour = database.dialect.name  # type: ignore[assignment]
    found = clauses(text, ["t_order", "t_user"], flavour=flavour, **options)
    for clause in found:
        (action,) = clause.actions
        assert isinstance(action, Sql)
        execute(connection, database.dialect.fill(action.parts, names))
    return [clause.table for clause in found]


def prepared(connection: Connection) -> None:
    for tag, object_tag in (("", "old"), ("_202601", "month")):
        names = {"user": f"t_user{tag}", "order": f"t_order{tag}"}
        names |= {"check": f"{object_tag}_check", "key": f"{object_tag}_key"}
        for statement in TABLES.format(**names).split(";"):
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql("INSERT INTO t_user_202601 VALUES (7)")
    connection.exec_driver_sql(
        "INSERT INTO t_order_202601 (id, user_id, coin) "
        "VALUES (1, 7, 7), (2, NULL, 7), (3, NULL, 7)"
    )


def test_every_statement_changes_its_month_and_not_the_template(server_url: str) -> None:
    database = open_database(server_url)
    with database.connect() as connection:
        prepared(connection)
        template = database.dialect.definition(connection, "t_order")
        for text, question, answer in REVISION:
            assert give(connection, database, text, MONTH) == ["t_order"]
            assert (text, ask(connection, question)) == (text, answer)
            assert database.dialect.definition(connection, "t_order") == template
            assert ask(connection, "SELECT COUNT(*) FROM t_order") == 0


def test_the_same_clauses_change_the_template_by_its_own_names(server_url: str) -> None:
    database = open_database(server_url)
    with database.connect() as connection:
        prepared(connection)
        for text, *_ in REVISION:
            give(connection, database, text, Names())
        names = ask(connection, CONSTRAINTS.replace("t_order_202601", "t_order"))
        assert names == "buyer,positive"
        assert ask(connection, CONSTRAINTS) == "month_check,month_key"


def test_a_family_made_of_raw_sql_has_names_of_its_own_in_every_table(server_url: str) -> None:
    text = """
        CREATE TABLE IF NOT EXISTS t_user (id INT PRIMARY KEY) COMMENT='t_user';
        CREATE TABLE IF NOT EXISTS t_order (
            id INT PRIMARY KEY, u INT, KEY ix (u), CONSTRAINT positive CHECK (id > 0),
            CONSTRAINT buyer FOREIGN KEY (u) REFERENCES t_user (id)
        )
    """
    database = open_database(server_url)
    with database.connect() as connection:
        for names in (Names(), MONTH):
            assert give(connection, database, text, names) == ["t_user", "t_order"]
        assert ask(connection, CONSTRAINTS) == "buyer_202601,positive_202601"
        referred = connection.exec_driver_sql(
            "SELECT referenced_table_name FROM information_schema.key_column_usage "
            "WHERE table_schema = DATABASE() AND constraint_name = 'buyer_202601'"
        )
        assert referred.scalar_one() == "t_user_202601"


def test_a_sum_over_the_months_takes_one_statement_for_each(server_url: str) -> None:
    text = "INSERT INTO t_sum SELECT COUNT(*) FROM t_order"
    database = open_database(server_url)
    with database.connect() as connection:
        prepared(connection)
        connection.exec_driver_sql("CREATE TABLE t_sum (orders INT)")
        with pytest.raises(RevisionRefused, match="once for each month"):
            give(connection, database, text, MONTH)
        assert give(connection, database, text, MONTH, each_month=True) == ["t_order"]
        assert ask(connection, "SELECT orders FROM t_sum") == 3


def test_foreign_key_is_named_after_its_index_on_mariadb(mariadb_url: str) -> None:
    text = "ALTER TABLE t_order ADD FOREIGN KEY buyer (user_id) REFERENCES t_user (id)"
    database = open_database(mariadb_url)
    with database.connect() as connection:
        prepared(connection)
        for names in (Names(), MONTH):
            give(connection, database, text, names)
        assert ask(connection, CONSTRAINTS) == "buyer_202601,month_check,month_key"


def test_sqlite_changes_the_month_alone(sqlite_url: str) -> None:
    names = Names(tables=MONTH.tables, index_tag="__202601")
    database = open_database(sqlite_url)
    with database.connect() as connection:
        for table in ("t_order", "t_order_202601"):
            execute(connection, Statement(f"CREATE TABLE {table} (id INTEGER, t_order TEXT)"))
        execute(connection, Statement("INSERT INTO t_order_202601 VALUES (1, 'a'), (2, 'b')"))
        template = database.dialect.definition(connection, "t_order")
        for text in (
            "ALTER TABLE \"t_order\" ADD COLUMN note TEXT DEFAULT 't_order\\'",
            "CREATE INDEX ix ON t_order (t_order)",
            "UPDATE OR IGNORE t_order SET t_order = t_order.id || ' t_order' WHERE [t_order] = 'b'",
            "DELETE FROM t_order WHERE t_order.id = 1",
            "ANALYZE t_order",
        ):
            assert give(connection, database, text, names) == ["t_order"]
        assert database.dialect.definition(connection, "t_order") == template
        rows = connection.exec_driver_sql("SELECT * FROM t_order_202601").fetchall()
        assert [tuple(row) for row in rows] == [(2, "2 t_order", "t_order\\")]
        index = "SELECT tbl_name FROM sqlite_master WHERE name = 'ix__202601'"
        assert ask(connection, index) == "t_order_202601"
