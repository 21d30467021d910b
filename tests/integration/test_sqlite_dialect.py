"""SQLite read, copied and rebuilt by its text: nothing that a table has is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError

from shardctl.clause import (
    Action,
    AddConstraint,
    AlterColumn,
    DropConstraint,
    Names,
    ObjectName,
    Sql,
    TableName,
)
from shardctl.dialects import Database, execute, open_database
from shardctl.dialects.sqlite import SQLite
from shardctl.errors import RevisionRefused
from shardctl.structure import SELF, Key, Structure, differences

MONTH = Names(tag="_202602", index_tag="__202602")
ROWS = "INSERT INTO t_order (order_id, coin) VALUES ('a', 1), ('b', 2)"

# Each makes t_order with at least order_id and coin; where ROWS does not fit, its own rows follow.
SHAPES: dict[str, tuple[str, ...]] = {
    "plain": ("CREATE TABLE t_order (order_id VARCHAR(128) NOT NULL, coin DECIMAL(32,2))",),
    "no types": ("CREATE TABLE t_order (order_id, coin)",),
    "primary key of a column": (
        "CREATE TABLE t_order (order_id TEXT NOT NULL PRIMARY KEY, coin INT NOT NULL DEFAULT '0')",
    ),
    "composite primary key": (
        "CREATE TABLE t_order (order_id TEXT, coin INT, biz TEXT DEFAULT 'x',"
        " CONSTRAINT pk PRIMARY KEY (order_id DESC, biz))",
    ),
    "other quotes": (
        'CREATE TABLE [t_order] ("order_id" TEXT, `coin` INT, [a b] INT, "c""d" INT,'
        ' \'e,f\' INT, UNIQUE ([a b], "c""d"))',
        'CREATE INDEX "ix of, all" ON "t_order" ([a b], "c""d" DESC)',
    ),
    "comments": (
        "CREATE TABLE t_order ( -- t_order, (the orders\n"
        '  order_id TEXT NOT NULL, -- 订单id, it\'s "one"\n'
        "  /* money, ( */ coin INT DEFAULT 0 -- last, one\n"
        ")",
    ),
    "Chinese": (
        "CREATE TABLE t_order (order_id TEXT, coin INT, 备注 TEXT DEFAULT '订单,表'"
        " CHECK (备注 <> '空'))",
        "CREATE INDEX 索引 ON t_order (备注)",
    ),
    "defaults": (
        "CREATE TABLE t_order (order_id TEXT, coin INT DEFAULT -1, a TEXT DEFAULT 'it''s, (x)',"
        " b TEXT DEFAULT CURRENT_TIMESTAMP, c REAL DEFAULT (1 + (2 * 3)), d DEFAULT NULL,"
        " e BLOB DEFAULT x'00ff', f DEFAULT \"q\", g DEFAULT TRUE, h DEFAULT +1.5e3,"
        " i TEXT DEFAULT '50%', j TEXT DEFAULT ':x ? %s')",
    ),
    "generated": (
        "CREATE TABLE t_order (order_id TEXT, coin INT,"
        " twice INT GENERATED ALWAYS AS (coin * 2) STORED, half AS (coin / 2) CHECK (half < 99),"
        " label TEXT AS (order_id || ',' || coin) VIRTUAL NOT NULL)",
        "CREATE INDEX ix_label ON t_order (label)",
    ),
    "partial and expression indexes": (
        "CREATE TABLE t_order (order_id TEXT, coin INT, status TEXT)",
        "CREATE INDEX ix_part ON t_order (coin) WHERE status IN ('a,b', 'c)') AND coin > 0",
        "CREATE UNIQUE INDEX uq_lower ON t_order (lower(order_id), coin + 1 DESC)",
        "CREATE INDEX ix_nocase ON t_order (status COLLATE NOCASE DESC, coin ASC)",
    ),
    "without rowid": (
        "CREATE TABLE t_order (order_id TEXT PRIMARY KEY, coin INT) WITHOUT ROWID",
        "CREATE INDEX ix_coin ON t_order (coin)",
    ),
    "strict": ("CREATE TABLE t_order (order_id TEXT, coin INT, b BLOB, r REAL, a ANY) STRICT",),
    "strict without rowid": (
        "CREATE TABLE t_order (order_id TEXT, coin INT, PRIMARY KEY (order_id))"
        " STRICT, WITHOUT  rowid",
    ),
    "collations": (
        'CREATE TABLE t_order (order_id TEXT COLLATE NOCASE, coin INT, a TEXT COLLATE "rtrim",'
        " UNIQUE (order_id COLLATE BINARY, a))",
    ),
    "checks": (
        "CREATE TABLE t_order (order_id TEXT CHECK (order_id NOT IN (',', ')', '''')),"
        " coin INT CONSTRAINT positive CHECK (coin >= 0 AND t_order.coin < 1000),"
        " CONSTRAINT ck CHECK (\"coin\" <> 5 OR order_id LIKE '%a,b(%'), CHECK(coin<>7))",
    ),
    "constraints without commas": (
        "CREATE TABLE t_order (order_id TEXT, coin INT, a INT, CONSTRAINT one CHECK (coin > 0)"
        " UNIQUE (order_id) CONSTRAINT two FOREIGN KEY (a) REFERENCES t_user (id))",
    ),
    "foreign key to itself": (
        "CREATE TABLE t_order (order_id TEXT PRIMARY KEY, coin INT,"
        " parent TEXT REFERENCES t_order (order_id) ON DELETE SET NULL ON UPDATE CASCADE,"
        " origin TEXT, FOREIGN KEY (origin) REFERENCES T_ORDER)",
    ),
    "foreign keys to others": (
        "CREATE TABLE t_user (id INTEGER PRIMARY KEY, region INT, UNIQUE (id, region))",
        "CREATE TABLE t_order (order_id TEXT, coin INT, region INT DEFAULT 1,"
        " user_id INT NOT NULL DEFAULT 7 REFERENCES t_user ON DELETE SET DEFAULT,"
        " CONSTRAINT fk FOREIGN KEY (user_id, region) REFERENCES 't_user' (id, region)"
        " ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED)",
    ),
    "autoincrement": (
        "CREATE TABLE t_order (id INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT, coin INT)",
    ),
    "autoincrement in the table's key": (
        "CREATE TABLE t_order (order_id TEXT, coin INT, id INTEGER,"
        " PRIMARY KEY (id AUTOINCREMENT))",
    ),
    "unique constraints": (
        "CREATE TABLE t_order (order_id TEXT UNIQUE, coin INT, a INT, b INT,"
        " CONSTRAINT uq UNIQUE (a, b), UNIQUE (b, coin) ON CONFLICT REPLACE)",
    ),
    "conflict clauses": (
        "CREATE TABLE t_order (order_id TEXT NOT NULL ON CONFLICT IGNORE, coin INT NOT NULL"
        " ON CONFLICT REPLACE DEFAULT 3, PRIMARY KEY (order_id) ON CONFLICT IGNORE)",
    ),
    "names of keywords": (
        'CREATE TABLE t_order (order_id TEXT, coin INT, "check" INT DEFAULT 1, "default" TEXT,'
        ' key INT, "unique" INT CHECK ("unique" > 0), UNIQUE ("check", key))',
        'CREATE INDEX "index" ON t_order ("default", "unique")',
    ),
    "a column like the table": (
        "CREATE TABLE t_order (order_id TEXT, coin INT, t_order TEXT DEFAULT 't_order'"
        " CHECK (t_order <> 'is t_order'), UNIQUE (t_order, coin))",
        "CREATE INDEX t_order_ix ON t_order (t_order) WHERE t_order.t_order > 't_order'",
    ),
    "named constraints of columns": (
        "CREATE TABLE t_order (order_id TEXT CONSTRAINT nn NOT NULL CONSTRAINT uq UNIQUE,"
        " coin INT CONSTRAINT dd DEFAULT 0 CONSTRAINT ck CHECK (coin > -1) CONSTRAINT alone)",
    ),
    "trigger": (
        "CREATE TABLE t_log (what TEXT)",
        "CREATE TABLE t_order (order_id TEXT, coin INT)",
        "CREATE TRIGGER tr AFTER UPDATE OF coin ON t_order BEGIN"
        " INSERT INTO t_log VALUES ('coin; of ' || new.order_id); END",
    ),
    "altered by SQLite": (
        "CREATE TABLE t_old (order_id TEXT, coins INT, gone INT, CHECK (coins > 0),"
        " UNIQUE (coins))",
        "ALTER TABLE t_old ADD COLUMN room_id BIGINT NOT NULL DEFAULT '0'",
        "ALTER TABLE t_old ADD twice INT AS (coins * 2)",
        "ALTER TABLE t_old RENAME COLUMN coins TO coin",
        "ALTER TABLE t_old DROP COLUMN gone",
        "ALTER TABLE t_old RENAME TO t_order",
    ),
    "made from a query": (
        "CREATE TABLE t_order AS SELECT 'x' AS order_id, 3 AS coin, 4.5 AS \"a b\"",
    ),
}
ALTERATIONS: dict[str, tuple[Action, set[Key]]] = {
    "type": (AlterColumn("coin", type="INTEGER"), {("column", "coin")}),
    "not null": (AlterColumn("coin", nullable=False), {("column", "coin")}),
    "default": (AlterColumn("coin", default="'1,5)'"), {("column", "coin")}),
    "expression as default": (AlterColumn("coin", default="abs(-4)"), {("column", "coin")}),
    "all of a column": (
        AlterColumn("COIN", type="INTEGER", nullable=False, default="-8", comment="x", after=""),
        {("column", "coin")},
    ),
    "check": (
        AddConstraint(("CONSTRAINT ", ObjectName("check", "new"), " CHECK (coin < 9999)")),
        {("check", "coin < 9999", "1")},
    ),
    "unique": (
        AddConstraint((" UNIQUE (coin, order_id)",)),
        {("index", "unique (coin, order_id)")},
    ),
    "foreign key": (
        AddConstraint(("FOREIGN KEY (coin) REFERENCES ", TableName("t_order"), " (coin)")),
        {("foreign key", "coin", SELF, "coin")},
    ),
}


@pytest.fixture
def database(sqlite_url: str) -> Database:
    return open_database(sqlite_url)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous = OFF")  # no test pulls the plug
        yield connection


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest, connection: Connection) -> str:
    """t_order of one shape, empty; gives the shape's name."""
    for statement in SHAPES[request.param]:
        connection.exec_driver_sql(statement)
    return str(request.param)


dialect = SQLite()


def structure(connection: Connection, table: str = "t_order") -> Structure:
    return dialect.structures(connection, [table])[table]


def contents(connection: Connection, table: str = "t_order") -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"')]


def schema(connection: Connection) -> list[tuple[object, ...]]:
    return sorted(
        tuple(row)
        for row in connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master")
        if row.name != "sqlite_sequence"
    )


def bare(text: str) -> str:
    """What a rebuild keeps of a text: all but the table's own name, and blanks here."""
    return "".join(text.partition("(")[2].replace("t_order.coin", "coin").split())


def make(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


def copy(connection: Connection, source: str, name: str, names: Names, tag: str = "") -> None:
    definition = dialect.definition(connection, source)
    for statement in dialect.copy(definition, name, names, source_tag=tag):
        execute(connection, statement)


def carry_out(connection: Connection, action: Action, table: str = "t_order") -> None:
    """One action in one transaction, as a migration does it."""
    names = Names(tables={"t_order": table})
    statements = dialect.render(action, table, names, dialect.definition(connection, table))
    with dialect.transaction(connection):
        for statement in statements:
            execute(connection, statement)


# -- reading -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("shape")
def test_the_text_is_read_as_sqlite_reads_it(connection: Connection) -> None:
    found = structure(connection)
    columns = connection.exec_driver_sql(
        "SELECT name, upper(type), NOT \"notnull\", hidden FROM pragma_table_xinfo('t_order')"
    ).all()
    bare_key = ("without rowid" in dict(found.options)) and found.indexes[0].parts
    keys = [part.column for part in bare_key or ()]  # WITHOUT ROWID makes its key NOT NULL
    assert [
        (
            column.name,
            column.type.replace(" ", ""),
            column.nullable and column.name not in keys,
            (3 if column.stored else 2) if column.generated else 0,
        )
        for column in found.columns
    ] == [
        (name, type_.replace(" ", ""), bool(null), hidden) for name, type_, null, hidden in columns
    ]
    indexes = connection.exec_driver_sql(
        "SELECT i.name, i.origin, i.\"unique\", group_concat(coalesce(x.name, '')), sum(x.desc)"
        " FROM pragma_index_list('t_order') AS i, pragma_index_xinfo(i.name) AS x"
        " WHERE x.key GROUP BY i.name ORDER BY i.name"
    ).all()
    rowid_key = [
        index
        for index in found.indexes
        if index.kind == "primary" and not any(row.origin == "pk" for row in indexes)
    ]
    assert len(found.indexes) == len(indexes) + len(rowid_key)
    assert sorted(
        (index.kind != "key", ",".join(p.column or "" for p in index.parts))
        for index in found.indexes
        if index not in rowid_key
    ) == sorted((bool(unique), columns) for _, _, unique, columns, _ in indexes)
    keys_found = connection.exec_driver_sql(
        'SELECT group_concat("from"), "table", coalesce(group_concat("to"), \'\'), on_update,'
        " on_delete FROM pragma_foreign_key_list('t_order') GROUP BY id"
    ).all()
    assert sorted(
        (
            ",".join(key.columns),
            "t_order" if key.table == SELF else key.table,
            ",".join(key.references),
            key.on_update,
            key.on_delete.removesuffix(" deferred"),
        )
        for key in found.foreign_keys
    ) == sorted((a, b.lower(), *rest) for a, b, *rest in keys_found)


def test_three_hundred_tables_are_read_with_as_many_statements_as_one(
    database: Database, connection: Connection
) -> None:
    tables = [f"t_order_{number:06}" for number in range(300)]
    for table in tables:
        connection.exec_driver_sql(f"CREATE TABLE {table} (id TEXT, coin INT CHECK (coin > 0))")
        connection.exec_driver_sql(f"CREATE INDEX ix__{table[8:]} ON {table} (coin)")
    sent: list[str] = []
    event.listen(
        database.engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_rest: sent.append(statement),
    )
    dialect.structures(connection, tables[:1])
    one = len(sent)
    found = dialect.structures(connection, tables)
    assert len(sent) - one == one
    assert sorted(found) == tables
    assert len({str(look) for look in found.values()}) == 1


def test_tables_that_are_not_there_are_left_out(connection: Connection) -> None:
    make(connection, "CREATE TABLE t_order (a INT)", "CREATE VIEW v AS SELECT 1")
    assert list(dialect.structures(connection, ["t_order", "v", "t_none"])) == ["t_order"]
    with pytest.raises(DBAPIError) as caught:
        dialect.definition(connection, "t_none")
    assert dialect.is_missing_table(caught.value)


def test_tables_are_named_without_views_virtual_tables_and_sqlites_own(
    connection: Connection,
) -> None:
    make(
        connection,
        "CREATE TABLE t_order (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE sqlitex (a INT)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE VIRTUAL TABLE words USING fts5(word)",
    )
    names = dialect.table_names(connection)
    assert {"t_order", "sqlitex"} <= set(names)
    assert not {"v", "words", "sqlite_sequence"} & set(names)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a int", "a INT"),
        ("a INT  not  null", "a INT NOT NULL"),
        ("a INT CHECK (a > 0)", 'a INT, CHECK("A">0 /* x */)'),
        ("a INT PRIMARY KEY", "a INT, PRIMARY KEY (A)"),
        ("a INT UNIQUE", "a INT, CONSTRAINT x UNIQUE ([a])"),
        ("a INT DEFAULT 0", "a INT DEFAULT (0)"),
        ("a INT NULL", "a INT"),
        ("a INT REFERENCES p (x)", "a INT, FOREIGN KEY (a) REFERENCES P (x) ON DELETE NO ACTION"),
        ("a INT AS (a + 1), b INT", "a INT GENERATED ALWAYS AS (a+1) VIRTUAL, b INT"),
        ("a VARCHAR(10)", "a varchar ( 10 )"),
        ("a BIGINT, b TINYINT", "a bigint(20), b tinyint ( 4 )"),
        ("a INT CHECK (one.a > 0)", "a INT CHECK (a > 0)"),
    ],
)
def test_equal_tables_compare_equal_however_written(
    connection: Connection, one: str, other: str
) -> None:
    make(connection, "CREATE TABLE p (x INT)")
    make(connection, f"CREATE TABLE one (z, {one})", f"CREATE TABLE other (z, {other})")
    assert differences(structure(connection, "one"), structure(connection, "other")) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a INT", "a INTEGER"),
        ("a INTEGER PRIMARY KEY", "a INTEGER(20) PRIMARY KEY"),
        ("a DECIMAL(10)", "a DECIMAL(11)"),
        ("a INT", "a INT NOT NULL"),
        ("a TEXT DEFAULT 'X'", "a TEXT DEFAULT 'x'"),
        ("a TEXT COLLATE NOCASE", "a TEXT"),
        ("a TEXT UNIQUE", "a TEXT UNIQUE ON CONFLICT IGNORE"),
        ("a TEXT CHECK (a <> 'B')", "a TEXT CHECK (a <> 'b')"),
        ("a INT, UNIQUE (a)", "a INT, UNIQUE (a DESC)"),
        ("a INT, UNIQUE (a)", "a INT, UNIQUE (a COLLATE NOCASE)"),
        ("a INTEGER PRIMARY KEY", "a INTEGER PRIMARY KEY AUTOINCREMENT"),
        ("a INT, b AS (a)", "a INT, b AS (a) STORED"),
        ("a INT REFERENCES p", "a INT REFERENCES p DEFERRABLE INITIALLY DEFERRED"),
        ("a INT REFERENCES p ON DELETE CASCADE", "a INT REFERENCES p ON DELETE SET NULL"),
        ("a INT, b INT", "b INT, a INT"),
    ],
)
def test_unlike_tables_compare_unlike(connection: Connection, one: str, other: str) -> None:
    make(connection, f"CREATE TABLE one ({one})", f"CREATE TABLE other ({other})")
    assert differences(structure(connection, "one"), structure(connection, "other"))


@pytest.mark.parametrize("other", ["(a) WHERE a > 1", "(a DESC)", "(a COLLATE NOCASE)", "(a + 1)"])
def test_unlike_indexes_compare_unlike(connection: Connection, other: str) -> None:
    make(connection, "CREATE TABLE t_order (a)", "CREATE TABLE t_order_202601 (a)")
    make(connection, "CREATE INDEX ix ON t_order (a)")
    make(connection, f"CREATE INDEX ix__202601 ON t_order_202601 {other}")
    found = differences(structure(connection), structure(connection, "t_order_202601"))
    assert [difference.key for difference in found] == [("index", "ix")]


def test_rows_are_estimated_where_the_rowid_tells_them(connection: Connection) -> None:
    make(
        connection,
        "CREATE TABLE counted (a TEXT)",
        "CREATE TABLE minted (id INTEGER PRIMARY KEY)",
        "CREATE TABLE keyed (id TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE TABLE bare (a TEXT)",
        "INSERT INTO counted WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n"
        " WHERE i < 700) SELECT printf('%0100d', i) FROM n",
        "INSERT INTO minted VALUES (202611210936439936)",
    )
    sizes = dialect.sizes(connection, ["counted", "minted", "keyed", "bare", "absent"])
    rows = {table: size.rows for table, size in sizes.items()}
    assert rows == {"counted": 700, "minted": None, "keyed": None, "bare": 0}
    if sizes["counted"].bytes is not None:  # where SQLite was built with dbstat
        assert sizes["counted"].bytes > 70_000 > (sizes["bare"].bytes or 0) > 0


# -- copying -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("shape")
def test_a_copy_equals_its_template_and_so_does_a_template_made_of_it(
    connection: Connection,
) -> None:
    copy(connection, "t_order", "t_order_202602", MONTH)
    template = structure(connection)
    assert differences(template, structure(connection, "t_order_202602")) == ()
    make(connection, "DROP TABLE t_order")
    copy(connection, "t_order_202602", "t_order", Names(), "_202602")
    assert differences(template, structure(connection)) == ()
    assert structure(connection) == template  # the names of constraints too


@pytest.mark.usefixtures("shape")
def test_a_scratch_copy_in_memory_equals_its_template(
    connection: Connection,
) -> None:
    with open_database("sqlite://").connect() as memory:
        for statement in dialect.copy(
            dialect.definition(connection, "t_order"), "t_order", Names()
        ):
            execute(memory, statement)
        found = dialect.structures(memory, ["t_order"])["t_order"]
        assert differences(structure(connection), found) == ()
        dialect.populate(memory, "t_order")
        assert len(contents(memory)) == 1


def test_a_copy_leaves_texts_comments_and_columns_alone(connection: Connection) -> None:
    make(connection, *SHAPES["a column like the table"])
    copy(connection, "t_order", "t_order_202602", MONTH)
    definition = dialect.definition(connection, "t_order_202602")
    assert definition.create == (
        "CREATE TABLE \"t_order_202602\" (order_id TEXT, coin INT, t_order TEXT DEFAULT 't_order'"
        " CHECK (t_order <> 'is t_order'), UNIQUE (t_order, coin))"
    )
    assert definition.further == (
        'CREATE INDEX "t_order_ix__202602" ON "t_order_202602" (t_order)'
        " WHERE t_order > 't_order'",
    )


def test_a_copy_refers_to_its_own_month_and_has_no_trigger(connection: Connection) -> None:
    make(
        connection,
        "CREATE TABLE t_user (id INT PRIMARY KEY)",
        "CREATE TABLE t_item (id INT PRIMARY KEY)",
        "CREATE TABLE t_order (id INT REFERENCES T_Order, item INT REFERENCES t_item (id),"
        " owner INT CONSTRAINT fk REFERENCES t_user)",
        "CREATE TRIGGER tr AFTER INSERT ON t_order BEGIN SELECT 1; END",
    )
    names = Names({"t_item": "t_item_202602"}, tag="_202602", index_tag="__202602")
    copy(connection, "t_order", "t_order_202602", names)
    keys = structure(connection, "t_order_202602").foreign_keys
    assert [(key.name, key.table) for key in keys] == [
        ("", SELF),
        ("", "t_item_202602"),
        ("fk_202602", "t_user"),
    ]
    assert dialect.definition(connection, "t_order_202602").further == ()


def test_an_index_bears_the_month_in_the_file_and_its_declared_name_in_the_structure(
    connection: Connection,
) -> None:
    make(connection, "CREATE TABLE t_order (a INT)", "CREATE TABLE t_order_202602 (a INT)")
    long = "ix_" + "x" * 80
    for table, names in (("t_order", Names()), ("t_order_202602", MONTH)):
        named = Names({"t_order": table}, names.tag, names.index_tag)
        index, parts = ObjectName("index", long), (" ON ", TableName("t_order"), " (a)")
        create = Sql(("CREATE INDEX ", index, *parts))
        for statement in dialect.render(create, table, named, None):
            execute(connection, statement)
    assert [index.name for index in structure(connection, "t_order_202602").indexes] == [long]
    drop = Sql(("DROP INDEX ", ObjectName("index", long, existing=True)))
    for statement in dialect.render(drop, "t_order_202602", MONTH, None):
        execute(connection, statement)
    assert structure(connection, "t_order_202602").indexes == ()
    assert [index.name for index in structure(connection).indexes] == [long]


# -- altering ----------------------------------------------------------------------------------


@pytest.mark.parametrize("alteration", ALTERATIONS)
@pytest.mark.usefixtures("shape")
def test_an_alteration_keeps_rows_and_all_else(connection: Connection, alteration: str) -> None:
    action, changed = ALTERATIONS[alteration]
    connection.exec_driver_sql(ROWS)
    before, rows, objects = structure(connection), contents(connection), schema(connection)
    carry_out(connection, action)
    after = structure(connection)
    assert {difference.key for difference in differences(before, after)} <= changed
    assert changed <= set(after.elements())
    assert contents(connection) == rows
    unchanged = [row for row in objects if row[1:3] != ("t_order", "t_order")]
    left = schema(connection)
    assert [row for row in unchanged if row[3]] == [
        row for row in left if row[1:3] != ("t_order", "t_order") and row[3]
    ]


@pytest.mark.usefixtures("shape")
def test_a_rebuild_that_is_rolled_back_leaves_everything_as_it_was(
    connection: Connection,
) -> None:
    connection.exec_driver_sql(ROWS)
    before = schema(connection), contents(connection)
    action = AlterColumn("coin", type="INTEGER", default="8")
    statements = dialect.render(
        action, "t_order", Names(), dialect.definition(connection, "t_order")
    )

    def rebuild(last: int) -> None:
        with dialect.transaction(connection):
            for statement in statements[:last]:
                execute(connection, statement)
            raise InterruptedError

    for last in range(1, len(statements) + 1):
        with pytest.raises(InterruptedError):
            rebuild(last)
        assert (schema(connection), contents(connection)) == before
        assert connection.exec_driver_sql("PRAGMA legacy_alter_table").scalar_one() == 0


@pytest.mark.parametrize("undone", ["check", "unique", "foreign key"])
@pytest.mark.usefixtures("shape")
def test_a_constraint_added_and_dropped_again_leaves_the_table_as_it_was(
    connection: Connection, undone: str
) -> None:
    added: dict[str, str] = {
        "check": "CHECK (coin < 9999)",
        "unique": "UNIQUE (coin, order_id)",
        "foreign key": "FOREIGN KEY (coin) REFERENCES t_order (coin)",
    }
    connection.exec_driver_sql(ROWS)
    before, rows = structure(connection), contents(connection)
    text = dialect.definition(connection, "t_order").create
    carry_out(connection, AddConstraint(("CONSTRAINT fresh ", added[undone])))
    assert structure(connection) != before
    carry_out(connection, DropConstraint(undone, "fresh"))  # type: ignore[arg-type]
    assert structure(connection) == before
    assert contents(connection) == rows
    now = dialect.definition(connection, "t_order").create
    assert bare(now) == bare(text)


def test_a_column_is_renamed_by_sqlite_itself_in_all_that_names_it(connection: Connection) -> None:
    make(
        connection,
        "CREATE TABLE t_order (a INT CHECK (a > 0), b AS (a + 1), UNIQUE (a))",
        "CREATE INDEX ix ON t_order (a) WHERE a > 5",
        "CREATE VIEW v AS SELECT a FROM t_order",
    )
    definition = dialect.definition(connection, "t_order")
    rename = AlterColumn("a", name="c d", comment="no words for it", after="b")
    assert [s.sql for s in dialect.render(rename, "t_order", Names(), definition)] == [
        'ALTER TABLE "t_order" RENAME COLUMN "a" TO "c d"'
    ]
    carry_out(connection, rename)
    found = structure(connection)
    assert [column.name for column in found.columns] == ["c d", "b"]
    assert [check.expression for check in found.checks] == ['"c d" > 0']
    carry_out(connection, AlterColumn("c d", name="a", type="TEXT", nullable=False))
    column = structure(connection).columns[0]
    assert (column.name, column.type, column.nullable) == ("a", "TEXT", False)


def test_a_comment_or_a_place_alone_is_nothing_to_sqlite(connection: Connection) -> None:
    make(connection, "CREATE TABLE t_order (a INT)")
    definition = dialect.definition(connection, "t_order")
    action = AlterColumn("a", comment="订单", after="")
    assert dialect.render(action, "t_order", Names(), definition) == ()


@pytest.mark.parametrize(
    ("column", "action", "expected"),
    [
        ("a INT NOT NULL DEFAULT 0", AlterColumn("a", nullable=True), "a INT DEFAULT 0"),
        ("a INT NOT NULL DEFAULT 0", AlterColumn("a", default=""), "a INT NOT NULL"),
        ("a", AlterColumn("a", type="INT"), "a INT"),
        ("a", AlterColumn("a", nullable=False, default="1"), "a NOT NULL DEFAULT 1"),
        ("a INT NULL", AlterColumn("a", nullable=False), "a INT NOT NULL"),
        ('"a"CHECK(a>0)', AlterColumn("a", nullable=False), '"a" NOT NULL CHECK(a>0)'),
        (
            "a TEXT CONSTRAINT n NOT NULL COLLATE NOCASE CHECK (a <> '')",
            AlterColumn("a", type="VARCHAR(9)", nullable=True),
            "a VARCHAR(9) COLLATE NOCASE CHECK (a <> '')",
        ),
        (
            "a TEXT COLLATE NOCASE NOT NULL",
            AlterColumn("a", type='TEXT COLLATE "RTRIM"'),
            'a TEXT COLLATE "RTRIM" NOT NULL',
        ),
        ("a INT", AlterColumn("a", default="(1 + 2)"), "a INT DEFAULT (1 + 2)"),
        ("a INT", AlterColumn("a", default="1 + 2"), "a INT DEFAULT (1 + 2)"),
        ("a INT", AlterColumn("a", default="datetime('now')"), "a INT DEFAULT (datetime('now'))"),
        ("a INT", AlterColumn("a", default="-1.5"), "a INT DEFAULT -1.5"),
        ("a INT -- it, is\n", AlterColumn("a", nullable=False), "a INT NOT NULL -- it, is\n"),
    ],
)
def test_only_what_an_alteration_names_changes_in_the_text(
    connection: Connection, column: str, action: AlterColumn, expected: str
) -> None:
    make(connection, f"CREATE TABLE t_order ({column}, z INT /* , */)")
    carry_out(connection, action)
    text = dialect.definition(connection, "t_order").create
    assert text == f'CREATE TABLE "t_order" ({expected}, z INT /* , */)'


def test_a_view_and_triggers_and_references_of_others_survive_a_rebuild(
    connection: Connection,
) -> None:
    others = (
        "CREATE VIEW v AS SELECT order_id, coin FROM t_order",
        "CREATE TABLE t_log (order_id TEXT REFERENCES t_order (order_id) ON DELETE CASCADE)",
        "CREATE TRIGGER tr AFTER INSERT ON t_log BEGIN"
        " UPDATE t_order SET coin = coin + 1 WHERE order_id = new.order_id; END",
    )
    make(connection, "CREATE TABLE t_order (order_id TEXT PRIMARY KEY, coin INT)", *others, ROWS)
    make(connection, "INSERT INTO t_log VALUES ('a')")
    carry_out(connection, AlterColumn("coin", type="BIGINT"))
    texts = {row[3] for row in schema(connection)}
    assert set(others) <= texts
    assert contents(connection, "t_log") == [("a",)]
    make(connection, "INSERT INTO t_log VALUES ('b')")
    assert contents(connection, "v") == [("a", 2), ("b", 3)]
    make(connection, "PRAGMA foreign_keys = ON", "DELETE FROM t_order WHERE order_id = 'a'")
    assert contents(connection, "t_log") == [("b",)]


def test_a_rebuild_deletes_no_row_that_refers_to_the_table(connection: Connection) -> None:
    make(
        connection,
        "CREATE TABLE t_order (order_id TEXT PRIMARY KEY, coin INT)",
        "CREATE TABLE t_log (order_id TEXT REFERENCES t_order ON DELETE CASCADE)",
        ROWS,
        "INSERT INTO t_log VALUES ('a')",
        "PRAGMA foreign_keys = ON",  # a build of SQLite may begin with it
    )
    dialect.prepare(connection, zone="+00:00", lock_wait=1)
    carry_out(connection, AlterColumn("coin", type="BIGINT"))
    assert contents(connection, "t_log") == [("a",)]


def test_a_number_given_once_is_not_given_again_after_a_rebuild(connection: Connection) -> None:
    make(connection, *SHAPES["autoincrement"], ROWS, "DELETE FROM t_order")
    carry_out(connection, AlterColumn("coin", type="TEXT"))
    make(connection, ROWS)
    assert [row[0] for row in contents(connection)] == [3, 4]


@pytest.mark.parametrize("clause", ["IGNORE", "REPLACE"])
def test_a_conflict_clause_makes_a_rebuild_fail_and_lose_no_row(
    connection: Connection, clause: str
) -> None:
    make(connection, "CREATE TABLE t_order (order_id TEXT, coin INT)", ROWS, ROWS)
    with pytest.raises(DBAPIError) as caught:
        carry_out(connection, AddConstraint((f"UNIQUE (order_id) ON CONFLICT {clause}",)))
    assert dialect.is_duplicate_key(caught.value)
    assert len(contents(connection)) == 4


@pytest.mark.parametrize(
    "action",
    [AlterColumn("coin", nullable=False), AddConstraint(("CHECK (coin > 5)",))],
    ids=["not null", "check"],
)
def test_rows_that_do_not_fit_make_an_alteration_fail_as_a_whole(
    connection: Connection, action: Action
) -> None:
    make(connection, "CREATE TABLE t_order (order_id TEXT, coin INT)")
    make(connection, "INSERT INTO t_order VALUES ('a', NULL), ('b', 3)")
    before = schema(connection), contents(connection)
    with pytest.raises(DBAPIError):
        carry_out(connection, action)
    assert (schema(connection), contents(connection)) == before


def test_constraints_are_dropped_by_their_kind_and_name(connection: Connection) -> None:
    make(
        connection,
        "CREATE TABLE t_order (order_id TEXT CONSTRAINT a UNIQUE, coin INT CONSTRAINT b CHECK"
        " (coin > 0) CONSTRAINT c REFERENCES t_user, CONSTRAINT a CHECK (coin < 9),"
        " -- kept, too\n CONSTRAINT pk PRIMARY KEY (order_id) CONSTRAINT d_202602 UNIQUE (coin))",
        "CREATE UNIQUE INDEX uq ON t_order (coin, order_id)",
        ROWS,
    )
    rows = contents(connection)
    for kind, name in (
        ("check", "a"),
        ("foreign key", "c"),
        ("primary key", None),
        ("check", "b"),
        ("unique", "a"),
        ("unique", "uq"),
    ):
        carry_out(connection, DropConstraint(kind, name))  # type: ignore[arg-type]
    assert contents(connection) == rows
    text = dialect.definition(connection, "t_order").create
    assert " ".join(text.split()) == (
        'CREATE TABLE "t_order" (order_id TEXT, coin INT, -- kept, too'
        " CONSTRAINT d_202602 UNIQUE (coin))"
    )
    assert [index.name for index in structure(connection).indexes] == ["unique (coin)"]


@pytest.mark.parametrize(
    ("constraint", "names"),
    [
        ("CONSTRAINT ck_202602 CHECK (a > 0)", MONTH),
        ("CONSTRAINT ck CHECK (a > 0)", MONTH),
        ("CONSTRAINT by_hand CHECK (a > 0)", Names(existing={("check", "ck"): "by_hand"})),
        ("CHECK (a > 0)", Names(existing={("check", "ck"): ""})),
    ],
)
def test_a_month_s_own_name_of_a_constraint_is_found(
    connection: Connection, constraint: str, names: Names
) -> None:
    make(connection, f"CREATE TABLE t_order_202602 (a INT, {constraint})")
    definition = dialect.definition(connection, "t_order_202602")
    action = DropConstraint("check", "ck")
    for statement in dialect.render(action, "t_order_202602", names, definition):
        execute(connection, statement)
    assert structure(connection, "t_order_202602").checks == ()


@pytest.mark.parametrize(
    "action",
    [
        DropConstraint("check", "none"),
        DropConstraint("check", None),
        DropConstraint("check", "twice"),
        DropConstraint("primary key", None),
        AlterColumn("none", type="INT"),
    ],
)
def test_what_is_not_there_or_not_clear_is_refused(connection: Connection, action: Action) -> None:
    make(
        connection,
        "CREATE TABLE t_order (a INT CHECK (a > 0) CHECK (a > 1), CONSTRAINT twice CHECK (a > 2),"
        " CONSTRAINT twice CHECK (a > 3))",
    )
    before = schema(connection)
    with pytest.raises(RevisionRefused, match="table t_order has"):
        carry_out(connection, action)
    assert schema(connection) == before


# -- a row in the scratch ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column",
    ["n INT NOT NULL", "n TEXT DEFAULT CURRENT_TIMESTAMP", "n INT AS (coin) STORED"],
)
def test_a_scratch_with_a_row_refuses_what_a_month_with_rows_refuses(
    connection: Connection, column: str
) -> None:
    make(connection, *SHAPES["checks"])
    make(connection, f"ALTER TABLE t_order ADD COLUMN {column}", "DROP TABLE t_order")
    make(connection, *SHAPES["checks"])
    dialect.populate(connection, "t_order")
    with pytest.raises(DBAPIError):
        connection.exec_driver_sql(f"ALTER TABLE t_order ADD COLUMN {column}")


def test_no_check_is_held_against_the_row_of_a_scratch(connection: Connection) -> None:
    make(connection, "CREATE TABLE t_order (coin INT NOT NULL CHECK (coin > 0))")
    dialect.populate(connection, "t_order")
    carry_out(connection, AddConstraint(("CONSTRAINT ck CHECK (coin > 5)",)))
    assert len(structure(connection).checks) == 2
    assert contents(connection) == [(0,)]


# -- session and errors -------------------------------------------------------------------------


def test_another_writer_s_lock_is_waited_for_and_then_told(
    database: Database, connection: Connection
) -> None:
    make(connection, "CREATE TABLE t_order (a INT)")
    with (
        database.connect(lock_wait=0) as other,
        dialect.transaction(connection),
        pytest.raises(DBAPIError) as caught,
        dialect.transaction(other),
    ):
        pass
    assert dialect.is_lock_timeout(caught.value)
    assert not dialect.is_duplicate_key(caught.value)
    assert dialect.words(caught.value) == "database is locked"


def test_the_time_to_wait_is_the_session_s(database: Database) -> None:
    with database.connect(lock_wait=7) as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 7000


def test_a_commit_that_finds_a_reader_takes_everything_back(
    database: Database, connection: Connection
) -> None:
    make(connection, "CREATE TABLE t_order (a INT)", "INSERT INTO t_order VALUES (1)")

    def insert(other: Connection) -> None:
        with dialect.transaction(other):
            other.exec_driver_sql("INSERT INTO t_order VALUES (2)")

    with database.connect(lock_wait=0) as other:
        make(connection, "BEGIN")
        assert contents(connection) == [(1,)]  # a read lock, until the transaction ends
        with pytest.raises(DBAPIError) as caught:
            insert(other)
        assert dialect.is_lock_timeout(caught.value)
        make(connection, "ROLLBACK")
        insert(other)
    assert contents(connection) == [(1,), (2,)]


def test_errors_are_told_by_their_meaning(connection: Connection) -> None:
    make(connection, "CREATE TABLE t_order (a INTEGER PRIMARY KEY, b INT UNIQUE CHECK (b > 0))")
    make(connection, "INSERT INTO t_order VALUES (1, 1)")

    def error(sql: str) -> DBAPIError:
        with pytest.raises(DBAPIError) as caught:
            connection.exec_driver_sql(sql)
        return caught.value

    for duplicate in ("(1, 2)", "(2, 1)"):
        assert dialect.is_duplicate_key(error(f"INSERT INTO t_order VALUES {duplicate}"))
    checked = error("INSERT INTO t_order VALUES (3, -1)")
    missing = error("SELECT * FROM t_none")
    assert dialect.is_missing_table(missing)
    assert not dialect.is_duplicate_key(checked)
    for predicate in (
        dialect.is_lock_timeout,
        dialect.is_connection_lost,
        dialect.is_access_denied,
    ):
        assert not predicate(checked)
        assert not predicate(missing)


def test_a_file_that_cannot_be_opened_or_written_is_access_denied(tmp_path: Path) -> None:
    file = tmp_path / "orders.db"
    with open_database(f"sqlite:///{file}").connect() as connection:
        make(connection, "CREATE TABLE t_order (a INT)")
    read_only = open_database(f"sqlite:///file:{file}?mode=ro&uri=true")
    with read_only.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.exec_driver_sql("CREATE TABLE t_new (a INT)")
    assert dialect.is_access_denied(caught.value)
    nowhere = open_database(f"sqlite:///{tmp_path}/none/orders.db")
    with pytest.raises(DBAPIError) as caught, nowhere.engine.connect():
        pass
    assert dialect.is_access_denied(caught.value)
