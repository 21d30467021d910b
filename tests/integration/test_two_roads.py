"""Two roads, same table: a month copied from the template and a month that was changed with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection

from shardctl.clause import Names
from shardctl.dialects import Database, Dialect, Statement, execute, open_database
from shardctl.structure import Structure, differences
from tests.servers import Server


@dataclass(frozen=True)
class Shape:
    """A table's definition, in the parentheses of CREATE TABLE and behind them.

    `only` names the server that has it, `template` and `month` are the tables' names; `before`
    and `after` are sent before and after the template is made.
    """

    name: str
    body: str
    options: str = ""
    only: str = ""
    template: str = "t_order"
    month: str = "t_order_202601"
    before: str = ""
    after: str = ""


SHAPES = (
    Shape(
        "orders with Chinese comments",
        """order_id varchar(128) NOT NULL COMMENT '订单id', id int,
           coin decimal(32,2) NOT NULL DEFAULT '0.00' COMMENT '支付币数',
           user_id bigint(20) unsigned NOT NULL DEFAULT '0' COMMENT '用户id',
           create_time datetime NOT NULL COMMENT '创建时间',
           PRIMARY KEY (order_id)""",
        "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='订单表'",
    ),
    Shape(
        "quotes, percent and backslash in comments",
        r"""id int COMMENT 'it''s 100% "so" \\ or `not`', KEY k (id) COMMENT '50%\\''s'""",
        r"""COMMENT='a ''quoted'' %s %% \\ "comment" `x`'""",
    ),
    Shape(
        "quotes, percent and backslash in defaults",
        r"""id int, a varchar(40) NOT NULL DEFAULT 'it''s 100% "so" \\ or `not`',
           b char(2) DEFAULT '\\''', c varchar(9) DEFAULT '%s', d varchar(9) DEFAULT ''""",
    ),
    Shape(
        "newlines and control characters in comments and defaults",
        r"""id int COMMENT 'one\ntwo\r\n  CONSTRAINT `x` CHECK (1)\t\0.',
           a varchar(40) DEFAULT 'x\ny\tz\r\Z\0.', b int COMMENT '\n) ENGINE=x'""",
        r"COMMENT='\n) ENGINE=InnoDB AUTO_INCREMENT=7'",
    ),
    Shape(
        "ENUM and SET",
        r"""id int, a enum('新','it''s','50%','a\\b','x,y') NOT NULL DEFAULT 'it''s',
           b set('读','写','(') DEFAULT '读,写', c enum('') """,
    ),
    Shape("BIT", "id int, a bit(1) NOT NULL DEFAULT b'1', b bit(8) DEFAULT b'00000101', c bit(64)"),
    Shape("JSON", "id int, a json, b json NOT NULL, c longtext"),
    Shape(
        "a virtual generated column",
        "id int, a int GENERATED ALWAYS AS (id * 2 + 1) VIRTUAL COMMENT '两倍', KEY k (a)",
    ),
    Shape(
        "a stored generated column",
        r"""id int, a varchar(20) DEFAULT 'x',
           b varchar(60) GENERATED ALWAYS AS (concat(a, '-中''%\\')) STORED NOT NULL""",
        only="mysql",
    ),
    Shape(
        "a stored generated column on MariaDB",
        r"""id int, a varchar(20) DEFAULT 'x',
           b varchar(60) GENERATED ALWAYS AS (concat(a, '-中''%\\')) STORED""",
        only="mariadb",
    ),
    Shape(
        "prefixes of an index",
        "id int, a varchar(300), b text, c blob, KEY k (a(10), b(20), id), UNIQUE u (c(7))",
    ),
    Shape("a descending index", "id int, a int, KEY k (a DESC, id), UNIQUE u (id, a DESC)"),
    Shape(
        "functional indexes",
        """id int, a varchar(20), KEY k ((id + 1)), UNIQUE u ((lower(a)), id DESC),
           KEY l ((concat(a, '中')))""",
        only="mysql",
    ),
    Shape(
        "a multi-valued index",
        "id int, a json, KEY k ((CAST(a->'$.tags' AS UNSIGNED ARRAY)))",
        only="mysql",
    ),
    Shape(
        "a FULLTEXT index", "id int, a text, b varchar(99), FULLTEXT KEY k (a, b) COMMENT '全文'"
    ),
    Shape(
        "a FULLTEXT index with a parser",
        "id int, a text, FULLTEXT KEY k (a) WITH PARSER ngram",
        only="mysql",
    ),
    Shape("an invisible index", "id int, KEY k (id) INVISIBLE", only="mysql"),
    Shape("an ignored index", "id int, KEY k (id) IGNORED", only="mariadb"),
    Shape("a HASH index", "id int, a text, UNIQUE k (a)", only="mariadb"),
    Shape(
        "CHECKs, named and not, in a column and not",
        r"""id int CHECK (id <> 4), a varchar(20), b int CHECK (b > 1),
           CONSTRAINT ck_a CHECK (a <> 'it''s' AND a LIKE '%\\%中%'),
           CHECK (id < 9), CONSTRAINT ck_b CHECK (a IN ('x', 'y') OR b IS NULL)""",
    ),
    Shape(
        "a CHECK that is not enforced",
        "id int, CONSTRAINT ck CHECK (id > 0) NOT ENFORCED, CHECK (id > 1)",
        only="mysql",
    ),
    Shape(
        "CHECKs of equal expressions",
        "id int, CONSTRAINT ck_1 CHECK (id > 0), CONSTRAINT ck_2 CHECK (id > 0)",
    ),
    Shape(
        "foreign keys, named and not",
        """id int, a bigint, b bigint, c bigint, KEY named (c),
           CONSTRAINT fk_a FOREIGN KEY (a) REFERENCES parent (id),
           FOREIGN KEY (b) REFERENCES parent (id) ON DELETE SET NULL ON UPDATE CASCADE,
           CONSTRAINT fk_c FOREIGN KEY (c) REFERENCES parent (id) ON DELETE RESTRICT""",
    ),
    Shape(
        "a foreign key to itself",
        "id int PRIMARY KEY, up int, CONSTRAINT fk_up FOREIGN KEY (up) REFERENCES {t} (id)",
    ),
    Shape(
        "a foreign key of two columns",
        """id int, a int, b int, CONSTRAINT fk_ab FOREIGN KEY (a, b) REFERENCES parent_ab (a, b)
           ON UPDATE CASCADE, KEY ab (b, a)""",
    ),
    Shape(
        "ON UPDATE CURRENT_TIMESTAMP(3)",
        """id int, a timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
                   ON UPDATE CURRENT_TIMESTAMP(3) COMMENT '改',
           b datetime DEFAULT NOW() ON UPDATE NOW(), c datetime(6) DEFAULT NULL,
           d timestamp NULL, e timestamp NOT NULL DEFAULT '2020-01-01 00:00:00', f time(2),
           g year""",
    ),
    Shape(
        "charsets of columns",
        """id int, a varchar(20) CHARACTER SET latin1, b char(4) CHARACTER SET ascii DEFAULT 'x',
           c varchar(20) COLLATE utf8mb4_bin, d text CHARACTER SET utf8mb3,
           e enum('a') CHARACTER SET gbk COLLATE gbk_bin, f varchar(9) CHARACTER SET binary""",
        "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
    ),
    Shape("utf8mb3", "id int, a varchar(20) DEFAULT '中'", "DEFAULT CHARSET=utf8mb3"),
    Shape("latin1", "id int, a varchar(20) DEFAULT 'é' COMMENT 'é'", "DEFAULT CHARSET=latin1"),
    Shape("gbk", "id int, a varchar(20) DEFAULT '中' COMMENT '中'", "DEFAULT CHARSET=gbk"),
    Shape("ROW_FORMAT=COMPRESSED", "id int, a text", "ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8"),
    Shape("ROW_FORMAT=COMPACT", "id int, a text", "ROW_FORMAT=COMPACT STATS_PERSISTENT=0"),
    Shape("ROW_FORMAT=DYNAMIC", "id int, a text", "ROW_FORMAT=DYNAMIC STATS_AUTO_RECALC=1"),
    Shape("no primary key", "id int, a int NOT NULL"),
    Shape("a composite primary key", "id int, a varchar(20), PRIMARY KEY (a, id), KEY k (id, a)"),
    Shape(
        "AUTO_INCREMENT with a counter",
        "id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, a int",
        "AUTO_INCREMENT=4711 COMMENT=' AUTO_INCREMENT=12 '",
    ),
    Shape(
        "partitions by range",
        "id int NOT NULL, day date NOT NULL, PRIMARY KEY (id, day)",
        """PARTITION BY RANGE (TO_DAYS(day)) (
             PARTITION p1 VALUES LESS THAN (TO_DAYS('2026-01-10')) COMMENT = '上旬',
             PARTITION p2 VALUES LESS THAN MAXVALUE)""",
    ),
    Shape(
        "partitions by hash",
        "id int NOT NULL PRIMARY KEY",
        "PARTITION BY LINEAR HASH (id) PARTITIONS 3",
    ),
    Shape("partitions by key", "id int NOT NULL PRIMARY KEY", "PARTITION BY KEY () PARTITIONS 2"),
    Shape(
        "partitions by list, of text",
        "id int, a varchar(9)",
        "PARTITION BY LIST COLUMNS (a) (PARTITION pa VALUES IN ('a', '中'), "
        "PARTITION pb VALUES IN ('it''s'))",
    ),
    Shape(
        "subpartitions",
        "id int, day date",
        """PARTITION BY RANGE (YEAR(day)) SUBPARTITION BY HASH (TO_DAYS(day)) SUBPARTITIONS 2 (
             PARTITION p1 VALUES LESS THAN (2026), PARTITION p2 VALUES LESS THAN MAXVALUE)""",
    ),
    Shape(
        "a month with a dash",
        "id int, a int, CHECK (a > 0), CONSTRAINT up FOREIGN KEY (a) REFERENCES {t} (id), KEY (id)",
        only="mariadb",
        template="t_user",
        month="t_user_2018-01",
    ),
    Shape(
        "a month with a dash and a primary key",
        "id int PRIMARY KEY, a int, CHECK (a > 0), FOREIGN KEY (a) REFERENCES {t} (id)",
        template="t_user",
        month="t_user_2018-01",
    ),
    Shape("a month without padding", "id int, CHECK (id > 0)", month="t_order_2022_1"),
    Shape(
        "the table's own name everywhere",
        """id int COMMENT 't_order', t_order int DEFAULT '5', `t_order_202601` varchar(20)
           DEFAULT 't_order', KEY t_order (t_order), CONSTRAINT t_order_up CHECK (t_order > 1),
           CONSTRAINT t_order CHECK (t_order_202601 <> 't_order'),
           CONSTRAINT t_order_fk FOREIGN KEY (id) REFERENCES parent_int (t_order)""",
        "COMMENT='CREATE TABLE `t_order` ('",
    ),
    Shape(
        "names that need quotes",
        """id int, `a``b` int, `c d` int, `数量` int, `select` int, `x)` int, KEY `k``1` (`a``b`),
           KEY `索引` (`数量`), KEY `k)2` (`x)`), CONSTRAINT `c``k 1` CHECK (`数量` > `a``b`),
           CONSTRAINT `f``k (1)` FOREIGN KEY (`c d`) REFERENCES parent_int (t_order)""",
        template="t`order 中",
        month="t`order 中_202601",
    ),
    Shape(
        "names of the greatest length",
        f"""id int, a bigint, CONSTRAINT {"c" * 64} CHECK (id > 0),
           CONSTRAINT {"f" * 60} FOREIGN KEY (a) REFERENCES parent (id)""",
    ),
    Shape(
        "expressions as defaults",
        r"""id int, a varchar(40) DEFAULT (uuid()), b int DEFAULT (1 + 1),
           c text DEFAULT ('中''%\\'), d json DEFAULT (json_array()),
           e date DEFAULT (curdate()), f int DEFAULT (0)""",
    ),
    Shape(
        "binary defaults",
        r"""id int, a binary(4) DEFAULT 0x00FF, b varbinary(9) DEFAULT 0xFF0041, c binary(3) DEFAULT
           'abc', d varbinary(9) DEFAULT '', e varbinary(9) DEFAULT '\'\\\0中', f binary(16)""",
    ),
    Shape(
        "numbers",
        """id int, a int(5) zerofill, b tinyint(1) DEFAULT 1, c float DEFAULT 1.5, d double(9,3),
           e decimal(65,30) DEFAULT '0', f bigint DEFAULT -5, g mediumint unsigned, h float(7,4)""",
    ),
    Shape(
        "a spatial index and an SRID",
        "id int, a point NOT NULL SRID 4326, b geometry, SPATIAL KEY k (a)",
        only="mysql",
    ),
    Shape("a spatial index", "id int, a point NOT NULL, SPATIAL KEY k (a)", only="mariadb"),
    Shape("an invisible column", "id int, a int INVISIBLE DEFAULT 3, b int"),
    Shape("COLUMN_FORMAT", "id int, a int COLUMN_FORMAT DYNAMIC STORAGE DISK", only="mysql"),
    Shape(
        "compressed columns",
        "id int, a text COMPRESSED, b varchar(200) COMPRESSED DEFAULT 'x'",
        "PAGE_COMPRESSED=1",
        only="mariadb",
    ),
    Shape("types of MariaDB", "id int, a uuid DEFAULT uuid(), b inet6", only="mariadb"),
    Shape(
        "system versioning",
        "id int, a int, b int WITHOUT SYSTEM VERSIONING",
        "WITH SYSTEM VERSIONING",
        only="mariadb",
        before="SET system_versioning_alter_history = KEEP",
    ),
    Shape(
        "text of a client that speaks gbk",
        """id int, a varchar(20) DEFAULT (concat('中', 'x')), b varchar(40) AS (concat(a, '文')),
           CONSTRAINT ck CHECK (a <> '中' AND a <> 'x')""",
        before="SET character_set_connection = gbk",
        after="SET NAMES utf8mb4",
    ),
)

CHANGES = (
    "ADD COLUMN room_id bigint(20) NOT NULL DEFAULT '0' COMMENT '动作发生的所在房间ID' AFTER id, "
    "ADD COLUMN note varchar(40) DEFAULT 'it''s 100%', ADD COLUMN seen datetime(3) FIRST",
    "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    "ADD INDEX ix_room (room_id), ADD INDEX ix_both (room_id, id) COMMENT '50%', "
    "ADD CONSTRAINT {check} CHECK (room_id >= 0 AND room_id <> 13), "
    "ALTER COLUMN note SET DEFAULT '中'",
    "MODIFY COLUMN room_id int unsigned DEFAULT 5 COMMENT 'room', DROP INDEX ix_room, "
    "RENAME COLUMN note TO remark",
    "DROP COLUMN seen, COMMENT = '改过'",
)


@pytest.fixture(scope="module")
def database(server: Server) -> Iterator[Database]:
    """A database with the tables that foreign keys refer to."""
    with server.fresh_database() as url:
        yield open_database(url)


@pytest.fixture(scope="module")
def connection(database: Database) -> Iterator[Connection]:
    """A session in it."""
    with database.connect() as connection:
        run(connection, "CREATE TABLE parent (id bigint PRIMARY KEY)")
        run(connection, "CREATE TABLE parent_int (t_order int PRIMARY KEY)")
        run(connection, "CREATE TABLE parent_ab (a int, b int, PRIMARY KEY (a, b))")
        yield connection


@pytest.fixture(params=SHAPES, ids=lambda shape: shape.name)
def shape(
    request: pytest.FixtureRequest, database: Database, connection: Connection
) -> Iterator[Shape]:
    """A shape whose template is there; all tables called like it are dropped at the end."""
    shape: Shape = request.param
    if shape.only not in ("", database.dialect.name):
        pytest.skip(f"{shape.only} only")
    template = database.dialect.quote(shape.template)
    try:
        if shape.before:
            run(connection, shape.before)
        run(
            connection,
            f"CREATE TABLE {template} ({shape.body.replace('{t}', template)}) {shape.options}",
        )
        if shape.after:
            run(connection, shape.after)
        yield shape
    finally:
        for table in database.dialect.table_names(connection):
            if table.startswith(shape.template):
                run(connection, f"DROP TABLE {database.dialect.quote(table)}")


def test_a_copy_equals_its_source(shape: Shape, database: Database, connection: Connection) -> None:
    dialect = database.dialect
    copy(dialect, connection, shape, shape.month)

    assert_equal(dialect, connection, shape.template, shape.month)

    # The other way round, as a template is made from a month.
    run(connection, f"DROP TABLE {dialect.quote(shape.template)}")
    source = dialect.definition(connection, shape.month)
    names = Names({shape.month: shape.template})
    for statement in dialect.copy(source, shape.template, names, source_tag=tag(shape.month)):
        execute(connection, statement)

    assert_equal(dialect, connection, shape.month, shape.template)


def test_a_month_changed_with_the_template_equals_one_copied_afterwards(
    shape: Shape, database: Database, connection: Connection
) -> None:
    dialect = database.dialect
    later = f"{shape.template}_202602"
    copy(dialect, connection, shape, shape.month)
    for change in CHANGES:
        for table in (shape.template, shape.month):
            check = dialect.quote(f"ck_room{tag(table)}")
            change_here = change.replace("{check}", check)
            run(connection, f"ALTER TABLE {dialect.quote(table)} {change_here}")
    copy(dialect, connection, shape, later)

    assert_equal(dialect, connection, shape.template, shape.month)
    assert_equal(dialect, connection, shape.month, later)
    assert "room_id" in structure(dialect, connection, later).elements()["order",]


def copy(dialect: Dialect, connection: Connection, shape: Shape, month: str) -> None:
    """Make a month from the template."""
    source = dialect.definition(connection, shape.template)
    for statement in dialect.copy(source, month, Names({shape.template: month}, tag=tag(month))):
        execute(connection, statement)


def tag(table: str) -> str:
    """A month's suffix."""
    found = re.search(r"_[-0-9_]+$", table)
    return found[0] if found else ""


def structure(dialect: Dialect, connection: Connection, table: str) -> Structure:
    return dialect.structures(connection, [table])[table]


def assert_equal(dialect: Dialect, connection: Connection, expected: str, found: str) -> None:
    """By the structures that shardctl reads, and by the text that the server shows."""
    both = dialect.structures(connection, [expected, found])
    assert differences(both[expected], both[found]) == ()
    assert shown(connection, dialect, expected) == shown(connection, dialect, found)


def shown(connection: Connection, dialect: Dialect, table: str) -> list[str]:
    """SHOW CREATE TABLE without what must differ: the table's and its constraints' names.

    The reading is not the library's: it knows these tables, and no others.
    """
    run(connection, "SET character_set_results = binary")
    statement = connection.execution_options(no_parameters=True).exec_driver_sql(
        f"SHOW CREATE TABLE {dialect.quote(table)}"
    )
    text = statement.one()[1].decode("latin-1")
    run(connection, "SET character_set_results = utf8mb4")
    own = dialect.quote(table).encode().decode("latin-1")
    name = r"  CONSTRAINT (`(?:[^`]|``)*`)"
    lines = re.sub(r"(\n\) ENGINE=InnoDB) AUTO_INCREMENT=\d+", r"\1", text).split("\n")
    keys = {match[1] for line in lines if (match := re.match(name + " FOREIGN KEY", line))}
    plain = []
    for line in lines[1:]:
        # Whether MySQL shows a charset beside its collation says how the column came to it.
        line = re.sub(r" CHARACTER SET \w+ (?=COLLATE)", " ", line)
        line = re.sub(name, "  CONSTRAINT", line).replace(f"REFERENCES {own}", "REFERENCES itself")
        for key in keys:
            line = line.replace(f"  KEY {key} ", "  KEY of a foreign key ")
        plain.append(line.rstrip(","))
    return (
        sorted(plain, key=lambda line: (line.startswith("  CONSTRAINT"), line)) if keys else plain
    )


def run(connection: Connection, sql: str) -> None:
    execute(connection, Statement(sql))
