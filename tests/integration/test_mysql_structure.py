"""What MySQL and MariaDB show of tables: equal for equal tables, and for them only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection, event

from shardctl.dialects import Database, Statement, execute, open_database
from shardctl.structure import SELF, Key, differences
from tests.servers import Server

EXPECTED, FOUND = "t_order", "t_order_202601"


@dataclass(frozen=True)
class Pair:
    """Two ways to make a table, each one statement or several, `{t}` being its name.

    `differs` is how the addresses of all that differs begin; `only` the server that has it.
    """

    name: str
    expected: Sequence[str]
    found: Sequence[str]
    only: str = ""
    differs: Key = ()


def tables(name: str, expected: str, found: str, only: str = "", differs: Key = ()) -> Pair:
    """A pair by what stands in the parentheses of CREATE TABLE."""
    create = "CREATE TABLE {t} (%s)"
    return Pair(name, [create % expected], [create % found], only, differs)


def options(name: str, expected: str, found: str, only: str = "", differs: Key = ()) -> Pair:
    """A pair by what stands behind the parentheses."""
    create = "CREATE TABLE {t} (a int) "
    return Pair(name, [create + expected], [create + found], only, differs)


def columns(name: str, expected: str, found: str, only: str = "") -> Pair:
    """A pair that differs in column `a`, by what stands behind its name."""
    return tables(name, f"a {expected}", f"a {found}", only, ("column", "a"))


def indexes(name: str, expected: str, found: str, only: str = "") -> Pair:
    """A pair that differs in an index called `k`."""
    column = "a varchar(20), b int, c int, "
    return tables(name, column + expected, column + found, only, ("index", "k"))


def constraints(name: str, expected: str, found: str, kind: str, only: str = "") -> Pair:
    """A pair that differs in a constraint, whose address is its meaning."""
    column = "a varchar(20), b int, c int, KEY b (b), KEY c (c), "
    return tables(name, column + expected, column + found, only, (kind,))


def clients(name: str, body: str, only: str = "") -> Pair:
    """One table made by clients that speak two charsets."""
    create = f"CREATE TABLE {{t}} ({body})"
    other = ["SET character_set_connection = gbk", create, "SET NAMES utf8mb4"]
    return Pair(name, [create], other, only)


EQUAL = (
    tables(
        "display widths",
        "a int(11), b bigint(20) unsigned, c year",
        "a int, b bigint(7) unsigned, c year(4)",
    ),
    tables(
        "display widths of small integers", "a tinyint(4), b smallint(6)", "a tinyint, b smallint"
    ),
    tables("a literal default in parentheses", "a int DEFAULT 0", "a int DEFAULT (0)"),
    tables(
        "a decimal default in parentheses",
        "a decimal(32,2) DEFAULT '0.00'",
        "a decimal(32,2) DEFAULT (0)",
    ),
    tables("a negative default in parentheses", "a int DEFAULT -1", "a int DEFAULT (-1)"),
    tables(
        "a text default in parentheses",
        "a varchar(9) DEFAULT '中''x'",
        "a varchar(9) DEFAULT ('中''x')",
    ),
    tables("a number's default as text", "a bigint DEFAULT 5", "a bigint DEFAULT '5'"),
    tables("a double's default in parentheses", "a double DEFAULT 1.5", "a double DEFAULT (1.50)"),
    tables(
        "a bit's default in parentheses", "a bit(4) DEFAULT b'10'", "a bit(4) DEFAULT (2)", "mysql"
    ),
    tables("a boolean's default", "a tinyint(1) DEFAULT 1", "a tinyint(1) DEFAULT (true)"),
    tables(
        "a default of NULL",
        "a int, b varchar(9)",
        "a int DEFAULT NULL, b varchar(9) DEFAULT (NULL)",
    ),
    tables(
        "spellings of the current time",
        "a datetime DEFAULT CURRENT_TIMESTAMP ON UPDATE NOW(), b datetime(3) DEFAULT NOW(3)",
        "a datetime DEFAULT NOW() ON UPDATE LOCALTIME, b datetime(3) DEFAULT LOCALTIMESTAMP(3)",
    ),
    tables(
        "the current time in parentheses", "a datetime DEFAULT NOW()", "a datetime DEFAULT (NOW())"
    ),
    Pair(
        "a TIMESTAMP default written in another zone",
        [
            "SET time_zone = '+08:00'",
            "CREATE TABLE {t} (a timestamp NOT NULL DEFAULT '2026-01-01 08:00:00')",
            "SET time_zone = '+00:00'",
        ],
        ["CREATE TABLE {t} (a timestamp NOT NULL DEFAULT '2026-01-01 00:00:00')"],
    ),
    options("the default ROW_FORMAT by name", "", "ROW_FORMAT=DYNAMIC"),
    options("the default engine by name", "", "ENGINE=InnoDB"),
    options(
        "the order of options", "STATS_PERSISTENT=0 MAX_ROWS=9", "MAX_ROWS=9 STATS_PERSISTENT=0"
    ),
    options("the counter", "COMMENT='x'", "COMMENT='x' AUTO_INCREMENT=9"),
    tables(
        "a column's charset by name",
        "a varchar(9), b char(9) COLLATE utf8mb4_bin",
        "a varchar(9) CHARACTER SET utf8mb4, b char(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ),
    tables(
        "the order of indexes",
        "a int, b int, KEY x (a), UNIQUE y (b)",
        "a int, b int, UNIQUE y (b), KEY x (a)",
    ),
    tables("BTREE by name", "a int, KEY x (a)", "a int, KEY x (a) USING BTREE"),
    tables(
        "rules that are the default",
        "a int, KEY x (a), FOREIGN KEY (a) REFERENCES parent (id)",
        """a int, KEY x (a), FOREIGN KEY (a) REFERENCES parent (id)
           ON DELETE RESTRICT ON UPDATE NO ACTION""",
    ),
    tables(
        "the index made for a foreign key",
        "a int, CONSTRAINT fk_a FOREIGN KEY (a) REFERENCES parent (id)",
        "a int, CONSTRAINT fk_a_202601 FOREIGN KEY (a) REFERENCES parent (id)",
    ),
    tables(
        "the index made for a foreign key, and one made by name",
        "a int, CONSTRAINT fk_a FOREIGN KEY (a) REFERENCES parent (id)",
        "a int, KEY fk_b (a), CONSTRAINT fk_b FOREIGN KEY (a) REFERENCES parent (id)",
    ),
    tables(
        "a foreign key to itself",
        "a int PRIMARY KEY, b int, FOREIGN KEY (b) REFERENCES {t} (a)",
        "a int PRIMARY KEY, b int, CONSTRAINT x FOREIGN KEY (b) REFERENCES {t} (a), KEY b (b)",
    ),
    tables(
        "names and order of CHECKs",
        "a int, b int, CONSTRAINT x CHECK (a > 0), CHECK (b > 0)",
        "a int, b int, CHECK (b > 0), CONSTRAINT y CHECK (a > 0)",
    ),
    tables("a CHECK in a column's line", "a int, CHECK (a > 0)", "a int CHECK (a > 0)"),
    tables(
        "JSON, which is LONGTEXT",
        "a json",
        "a longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, CHECK (json_valid(a))",
        "mariadb",
    ),
    clients("CHECKs of another client", "a varchar(9), CHECK (a <> 'x' AND a <> 'it''s \\\\ 中')"),
    clients(
        "generated columns of another client",
        "a varchar(9), b varchar(20) AS (concat(a, 'x', '中')), KEY k (b)",
    ),
    clients(
        "defaults of another client",
        "a varchar(9) DEFAULT (concat('x', '中')), b text DEFAULT ('中')",
    ),
    clients(
        "functional indexes of another client", "a varchar(9), KEY k ((concat(a, '中')))", "mysql"
    ),
    clients("names in expressions of another client", "`数量` int, CHECK (`数量` > 0)"),
    tables(
        "CHECKs that say in which charset they were written",
        "a varchar(9), CHECK (a <> 'x' AND a <> 'é')",
        "a varchar(9), CHECK (a <> _latin1 'x' AND a <> _latin1 0xE9)",
        "mysql",
    ),
)


DIFFERENT = (
    Pair(
        "one text for two instants",
        [
            "SET time_zone = '+08:00'",
            "CREATE TABLE {t} (a timestamp NOT NULL DEFAULT '2026-01-01 08:00:00')",
            "SET time_zone = '+00:00'",
        ],
        ["CREATE TABLE {t} (a timestamp NOT NULL DEFAULT '2026-01-01 08:00:00')"],
        differs=("column", "a"),
    ),
    columns("a column's type", "int", "bigint"),
    columns("what drivers take for a boolean", "tinyint(1)", "tinyint"),
    columns("the width of ZEROFILL", "int(5) zerofill", "int(6) zerofill"),
    columns("a sign", "int", "int unsigned"),
    columns("lengths", "varchar(9)", "varchar(10)"),
    columns("fractions of seconds", "datetime", "datetime(3)"),
    columns("members of an ENUM", "enum('x','y')", "enum('y','x')"),
    columns("nullability", "int NULL", "int NOT NULL"),
    columns("a default and none", "int DEFAULT 0", "int"),
    columns("defaults", "varchar(9) DEFAULT '0'", "varchar(9) DEFAULT '0.0'"),
    columns("an empty default and none", "varchar(9) DEFAULT ''", "varchar(9)"),
    columns("the word NULL and NULL", "varchar(9) DEFAULT 'NULL'", "varchar(9)"),
    columns(
        "a word and a function", "varchar(40) DEFAULT 'uuid()'", "varchar(40) DEFAULT (uuid())"
    ),
    columns(
        "a word and the current time",
        "varchar(20) DEFAULT 'current_timestamp()'",
        "varchar(20) DEFAULT (now())",
    ),
    columns("the case of a default", "varchar(9) DEFAULT 'x'", "varchar(9) DEFAULT 'X'"),
    columns("blanks in a default", "varchar(9) DEFAULT 'x'", "varchar(9) DEFAULT 'x '"),
    columns("backslashes", r"varchar(9) DEFAULT '\\n'", r"varchar(9) DEFAULT '\n'"),
    columns("a NUL in a default", r"varchar(9) DEFAULT 'x\0y'", r"varchar(9) DEFAULT 'x\0z'"),
    columns("expressions", "varchar(9) DEFAULT (lower('中'))", "varchar(9) DEFAULT (lower('国'))"),
    columns(
        "a binary default behind a NUL", "binary(4) DEFAULT 0x00FF", "binary(4) DEFAULT 0x00FE"
    ),
    columns("a binary default, no text", "varbinary(9) DEFAULT 0xFF", "varbinary(9) DEFAULT 0xFE"),
    columns("a binary default", "binary(2) DEFAULT 'xy'", "binary(2) DEFAULT 'xz'"),
    columns("a binary default and none", "varbinary(9) DEFAULT ''", "varbinary(9)"),
    columns("the default of a BLOB", "blob DEFAULT (0xFF)", "blob DEFAULT (0xFE)"),
    columns(
        "the default of a BLOB as text", "blob DEFAULT '\\0x'", "blob DEFAULT '\\0y'", "mariadb"
    ),
    columns("ON UPDATE", "datetime DEFAULT NOW() ON UPDATE NOW()", "datetime DEFAULT NOW()"),
    columns("a column's comment", "int COMMENT '订单'", "int COMMENT '订单 '"),
    columns("a column's collation", "varchar(9) COLLATE utf8mb4_bin", "varchar(9)"),
    columns("a column's charset", "varchar(9) CHARACTER SET latin1", "varchar(9)"),
    columns("a generated column and a plain one", "int AS (1 + 1)", "int"),
    columns("a stored and a virtual column", "int AS (1 + 1) STORED", "int AS (1 + 1)"),
    columns("generated columns", "varchar(9) AS (lower('中'))", "varchar(9) AS (lower('国'))"),
    columns("an invisible column", "int DEFAULT 1, b int", "int INVISIBLE DEFAULT 1, b int"),
    columns("AUTO_INCREMENT", "int AUTO_INCREMENT PRIMARY KEY", "int PRIMARY KEY"),
    columns("the SRID", "point SRID 4326", "point", "mysql"),
    columns("a column that is not in the secondary engine", "int NOT SECONDARY", "int", "mysql"),
    columns("a compressed column", "text COMPRESSED", "text", "mariadb"),
    tables("the order of columns", "a int, b int", "b int, a int", differs=("order",)),
    tables(
        "a primary key", "a int NOT NULL, PRIMARY KEY (a)", "a int NOT NULL", differs=("index",)
    ),
    indexes("a prefix", "KEY k (a(5))", "KEY k (a(6))"),
    indexes("a direction", "KEY k (a DESC)", "KEY k (a)"),
    indexes("columns of an index", "KEY k (a, b)", "KEY k (b, a)"),
    indexes("uniqueness", "UNIQUE k (a)", "KEY k (a)"),
    indexes("kinds of an index", "FULLTEXT k (a)", "KEY k (a)"),
    indexes("an index's comment", "KEY k (a) COMMENT '快'", "KEY k (a)"),
    indexes("an invisible index", "KEY k (a) INVISIBLE", "KEY k (a)", "mysql"),
    indexes("an ignored index", "KEY k (a) IGNORED", "KEY k (a)", "mariadb"),
    indexes("expressions of an index", "KEY k ((b + 1))", "KEY k ((b + 2))", "mysql"),
    indexes(
        "the parser of an index", "FULLTEXT k (a) WITH PARSER ngram", "FULLTEXT k (a)", "mysql"
    ),
    constraints("the case in a CHECK", "CHECK (a <> 'x')", "CHECK (a <> 'X')", "check"),
    constraints("Chinese in a CHECK", "CHECK (a <> '中')", "CHECK (a <> '国')", "check"),
    constraints("a pattern", r"CHECK (a LIKE '\%')", "CHECK (a LIKE '%')", "check"),
    constraints("a binary text", "CHECK (a <> _binary'x')", "CHECK (a <> 'x')", "check", "mysql"),
    constraints("one CHECK and two", "CHECK (b > 0)", "CHECK (b > 0), CHECK (b > 0)", "check"),
    constraints("enforcement", "CHECK (b > 0)", "CHECK (b > 0) NOT ENFORCED", "check", "mysql"),
    constraints(
        "ON DELETE",
        "FOREIGN KEY (b) REFERENCES parent (id)",
        "FOREIGN KEY (b) REFERENCES parent (id) ON DELETE CASCADE",
        "foreign key",
    ),
    constraints(
        "the table of a foreign key",
        "FOREIGN KEY (b) REFERENCES parent (id)",
        "FOREIGN KEY (b) REFERENCES other (id)",
        "foreign key",
    ),
    constraints(
        "the column of a foreign key",
        "FOREIGN KEY (b) REFERENCES parent (id)",
        "FOREIGN KEY (c) REFERENCES parent (id)",
        "foreign key",
    ),
    options("a checksum", "ENGINE=MyISAM CHECKSUM=1", "ENGINE=MyISAM", "", ("option", "checksum")),
    options("the collation", "COLLATE=utf8mb4_bin", "", "", ("option", "collation")),
    options("the table's comment", "COMMENT='订单'", "", "", ("option", "comment")),
    options("ROW_FORMAT", "ROW_FORMAT=COMPACT", "", "", ("option", "row_format")),
    options("statistics", "STATS_PERSISTENT=0", "", "", ("option", "stats_persistent")),
    options("compression", "COMPRESSION='zlib'", "", "mysql", ("option", "compression")),
    options("pages", "PAGE_COMPRESSED=1", "", "mariadb", ("option", "page_compressed")),
    options("system versioning", "WITH SYSTEM VERSIONING", "", "mariadb", ("option", "type")),
    options("partitioning", "PARTITION BY HASH (a)", "", "", ("partitions",)),
    options("partitioning by key", "PARTITION BY KEY (a)", "", "", ("partitions",)),
    options(
        "how many partitions",
        "PARTITION BY HASH (a) PARTITIONS 2",
        "PARTITION BY HASH (a) PARTITIONS 3",
        differs=("partitions",),
    ),
    options(
        "linear partitions",
        "PARTITION BY HASH (a)",
        "PARTITION BY LINEAR HASH (a)",
        differs=("partitions",),
    ),
    options(
        "limits of partitions",
        "PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (5))",
        "PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (6))",
        differs=("partitions",),
    ),
    options(
        "a partition's comment",
        "PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (5) COMMENT = 'x')",
        "PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (5))",
        differs=("partitions",),
    ),
)


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Database]:
    """A database with tables that foreign keys can refer to."""
    with server.fresh_database() as url:
        database = open_database(url)
        with database.connect() as connection:
            run(connection, "CREATE TABLE parent (id int PRIMARY KEY)")
            run(connection, "CREATE TABLE other (id int PRIMARY KEY)")
        yield database


@pytest.fixture(scope="module")
def connection(database: Database) -> Iterator[Connection]:
    """A session in it, prepared as the library does."""
    with database.connect() as connection:
        yield connection


@pytest.fixture
def pair(
    request: pytest.FixtureRequest, database: Database, connection: Connection
) -> Iterator[Pair]:
    """The two tables of a pair, dropped afterwards."""
    pair: Pair = request.param
    if pair.only not in ("", database.dialect.name):
        pytest.skip(f"{pair.only} only")
    try:
        for table, statements in ((EXPECTED, pair.expected), (FOUND, pair.found)):
            for statement in statements:
                run(connection, statement.replace("{t}", table))
        yield pair
    finally:
        run(connection, f"DROP TABLE IF EXISTS {EXPECTED}, {FOUND}")


@pytest.mark.parametrize("pair", EQUAL, ids=lambda pair: pair.name, indirect=True)
@pytest.mark.usefixtures("pair")
def test_equal_tables_read_as_equal(database: Database, connection: Connection) -> None:
    read = database.dialect.structures(connection, [EXPECTED, FOUND])

    assert differences(read[EXPECTED], read[FOUND]) == ()


@pytest.mark.parametrize("pair", DIFFERENT, ids=lambda pair: pair.name, indirect=True)
def test_a_difference_is_seen_where_it_is(
    pair: Pair, database: Database, connection: Connection
) -> None:
    read = database.dialect.structures(connection, [EXPECTED, FOUND])
    seen = [difference.key for difference in differences(read[EXPECTED], read[FOUND])]

    assert {key[: len(pair.differs)] for key in seen} == {pair.differs}
    assert read[EXPECTED] == database.dialect.structures(connection, [EXPECTED])[EXPECTED]


def test_many_tables_take_as_many_statements_as_one(
    database: Database, connection: Connection
) -> None:
    months = [f"t_log_{number}" for number in range(250)]
    body = "id int AUTO_INCREMENT PRIMARY KEY, a varchar(9) DEFAULT 'x', KEY a (a), CHECK (a <> '')"
    try:
        for month in months:
            run(connection, f"CREATE TABLE {month} ({body})")
        with counted(connection) as one:
            database.dialect.structures(connection, months[:1])
        with counted(connection) as few:
            named = database.dialect.structures(connection, months[:100])
        with counted(connection) as many:
            read = database.dialect.structures(connection, months)
    finally:
        run(connection, f"DROP TABLE IF EXISTS {', '.join(months)}")

    assert len(one) == len(few) == len(many) <= 7
    assert not [
        statement for statement in many if "SHOW" in statement or "CARDINALITY" in statement
    ]
    assert sorted(read) == sorted(months)
    assert named.items() <= read.items()
    assert not [month for month in months if differences(read[months[0]], read[month])]


def test_tables_that_are_not_there_are_left_out(database: Database, connection: Connection) -> None:
    run(connection, "CREATE VIEW a_view AS SELECT 1 AS a")
    try:
        asked = ["parent", "PARENT", "missing", "a_view", "par%"]
        assert list(database.dialect.structures(connection, asked)) == ["parent"]
        assert list(database.dialect.sizes(connection, asked)) == ["parent"]
        assert database.dialect.structures(connection, []) == {}
        assert database.dialect.table_names(connection) == ("other", "parent")
    finally:
        run(connection, "DROP VIEW a_view")


def test_system_versioned_tables_are_tables(mariadb_url: str) -> None:
    database = open_database(mariadb_url)
    with database.connect() as connection:
        run(connection, "CREATE TABLE history (a int) WITH SYSTEM VERSIONING")
        run(connection, "CREATE SEQUENCE numbers")

        assert database.dialect.table_names(connection) == ("history",)
        assert list(database.dialect.structures(connection, ["history"])) == ["history"]


def test_another_database_does_not_show(
    database: Database, connection: Connection, server: Server
) -> None:
    """A table of the same name there, and a foreign key to one of its tables."""
    with server.fresh_database() as url:
        other = open_database(url).engine.url.database
        run(connection, f"CREATE TABLE {other}.parent (id int PRIMARY KEY, x int CHECK (x > 0))")
        run(
            connection,
            f"""CREATE TABLE t_order (a int, b int PRIMARY KEY, c int,
                FOREIGN KEY (a) REFERENCES {other}.parent (id),
                FOREIGN KEY (c) REFERENCES t_order (b))""",
        )
        try:
            read = database.dialect.structures(connection, ["parent", "t_order"])
        finally:
            run(connection, "DROP TABLE t_order")

    assert [column.name for column in read["parent"].columns] == ["id"]
    assert read["parent"].checks == ()
    assert [key.table for key in read["t_order"].foreign_keys] == [f"{other}.parent", SELF]


def test_defaults_are_sql(database: Database, connection: Connection) -> None:
    run(
        connection,
        r"""CREATE TABLE t_order (a decimal(9,2) DEFAULT 0, b varchar(9) DEFAULT 'it''s \\',
            c datetime(3) DEFAULT NOW(3) ON UPDATE NOW(3), d varchar(40) DEFAULT (uuid()),
            e bit(3) DEFAULT 5, f binary(2) DEFAULT 0x00FF, g int, h timestamp NOT NULL
            DEFAULT NOW())""",
    )
    try:
        (read,) = database.dialect.structures(connection, ["t_order"]).values()
    finally:
        run(connection, "DROP TABLE t_order")

    assert [column.default for column in read.columns] == [
        "'0.00'",
        r"'it''s \\'",
        "CURRENT_TIMESTAMP(3)",
        "(uuid())",
        "b'101'",
        "0x00ff",
        None,
        "CURRENT_TIMESTAMP",
    ]
    assert [column.on_update for column in read.columns][2:4] == ["CURRENT_TIMESTAMP(3)", None]


def test_the_zone_of_the_session_does_not_show(database: Database, connection: Connection) -> None:
    run(connection, "CREATE TABLE t_order (a timestamp NOT NULL DEFAULT '2026-01-01 00:00:00')")
    try:
        with database.connect(zone="+08:00") as shanghai:
            read = database.dialect.structures(shanghai, ["t_order"])
            zone = shanghai.exec_driver_sql("SELECT @@time_zone").scalar_one()
        assert read == database.dialect.structures(connection, ["t_order"])
    finally:
        run(connection, "DROP TABLE t_order")

    assert zone == "+08:00"
    assert read["t_order"].columns[0].default == "'2026-01-01 00:00:00'"


def test_sizes_are_the_servers_estimates(database: Database, connection: Connection) -> None:
    sizes = database.dialect.sizes(connection, ["parent", "other"])

    assert {table: size.rows for table, size in sizes.items()} == {"parent": 0, "other": 0}
    assert all(size.bytes is not None and size.bytes >= 16384 for size in sizes.values())


@contextmanager
def counted(connection: Connection) -> Iterator[list[str]]:
    """The statements that are sent in the block."""
    sent: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(connection, "before_cursor_execute", note)


def run(connection: Connection, sql: str) -> None:
    execute(connection, Statement(sql))
