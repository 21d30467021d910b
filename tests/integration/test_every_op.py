"""Every operation, up and down, on a template and three months, one of them changed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.dialects import mysql

from shardctl.catalog import references
from shardctl.dialects import Dialect, Statement, execute, open_database
from shardctl.errors import StepFailed
from shardctl.month import Month
from shardctl.structure import Structure, differences
from tests.integration.test_two_roads import shown
from tests.project import Project

SUFFIXES = ("_202001", "_202002", "_202003")
BY_HAND = "_202002"

TABLE = {
    "server": r"""
        CREATE TABLE {m} (
          id bigint NOT NULL,
          coin decimal(32,2) NOT NULL DEFAULT '0.00' COMMENT '支付币数',
          user_id bigint NOT NULL DEFAULT '0' COMMENT '用户id',
          status smallint DEFAULT '1',
          up_id bigint,
          room bigint,
          note varchar(40) CHARACTER SET latin1 DEFAULT 'x' COMMENT 'it''s',
          seen timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3),
          {t} varchar(160) NOT NULL DEFAULT '{t} 50% :x it''s \\ 中文'
            COMMENT '{t} 50% :x it''s \\ 中文',
          tail int,
          PRIMARY KEY (id){extra}
        ) COMMENT='{t} 50% :x it''s \\ 中文'""",
    "sqlite": r"""
        CREATE TABLE {m} (
          id BIGINT NOT NULL,
          coin decimal(32,2) NOT NULL DEFAULT '0.00',
          user_id BIGINT NOT NULL DEFAULT '0',
          status SMALLINT DEFAULT '1',
          up_id BIGINT,
          room BIGINT,
          note VARCHAR(40) COLLATE NOCASE DEFAULT 'x',
          seen timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
          {t} VARCHAR(160) NOT NULL DEFAULT '{t} 50% :x it''s \ 中文',
          tail INTEGER,
          PRIMARY KEY (id){extra}
        )""",
}
ROWS = """
    INSERT INTO {m} (id, coin, user_id, status, up_id, room, note, tail)
    VALUES (1, 1.50, 10, 1, NULL, 1, 'a', 7), (2, 2.50, 20, NULL, 1, NULL, NULL, NULL)"""


@dataclass(frozen=True)
class Case:
    """One revision on a family of its own.

    In all texts `{t}` is the family's name, which is that of a column too, and stands in
    comments and literals; `{m}` is one table's name, `{s}` its suffix, `{x}` what SQLite puts
    behind the name of an index.

    Attributes:
        up, down: the bodies of the revision's functions.
        hand: what somebody ran on one of the months: all of the revision, or a part of it.
        hand_on_sqlite: the same there, where it is not said alike.
        extra: more in the parentheses of CREATE TABLE.
        setup: further statements for each table.
        on: where the case makes sense: "all", "servers", "mysql" or "mariadb".
        oracle: where plain Alembic makes the same of one table: "all", "servers" or "none".
        changes: columns whose rows the revision changes, or that it gives to others.
        expected: by a query, its only column's values on each month after the upgrade.
    """

    name: str
    up: str
    down: str
    hand: str = ""
    hand_on_sqlite: str | None = None
    extra: str = ""
    setup: tuple[str, ...] = ()
    on: str = "all"
    oracle: str = "servers"
    changes: tuple[str, ...] = ()
    expected: Mapping[str, Sequence[object]] = field(default_factory=dict)

    @property
    def family(self) -> str:
        return "t_" + self.name.replace(" ", "_")

    def runs_on(self, dialect: str) -> bool:
        return self.on in ("all", dialect) or (self.on == "servers" and dialect != "sqlite")

    def filled(self, text: str, suffix: str = "", *, tagged: bool = False) -> str:
        """A text for one table, the template without a suffix; `tagged` on SQLite."""
        words = {
            "{t}": self.family,
            "{m}": self.family + suffix,
            "{s}": suffix,
            "{x}": f"_{suffix}" if suffix and tagged else "",
        }
        return re.sub(r"\{[tmsx]\}", lambda match: words[match[0]], text)


QUOTED = r"""r"{t} 50% :x it's \ 中文" """

COLUMNS = (
    Case(
        "add column",
        'op.add_column("{t}", sa.Column("room_id", sa.BigInteger, nullable=False,'
        ' server_default="0", comment="动作发生的所在房间ID"))',
        'op.drop_column("{t}", "room_id")',
        hand="ALTER TABLE {m} ADD COLUMN room_id bigint NOT NULL DEFAULT '0' "
        "COMMENT '动作发生的所在房间ID'",
        hand_on_sqlite="ALTER TABLE {m} ADD COLUMN room_id bigint NOT NULL DEFAULT '0'",
        oracle="all",
        expected={"SELECT room_id FROM {m}": (0, 0)},
    ),
    Case(
        "add column that names the family",
        'op.add_column("{t}", sa.Column("{t}_2", sa.String(80),'
        f" server_default={QUOTED}, comment={QUOTED}))",
        'op.drop_column("{t}", "{t}_2")',
        oracle="all",
        expected={"SELECT {t}_2 FROM {m}": (r"{t} 50% :x it's \ 中文",) * 2},
    ),
    Case(
        "add column with an index",
        'op.add_column("{t}", sa.Column("shop", sa.Integer, index=True))',
        'op.drop_index("ix_{t}_shop", "{t}")\nop.drop_column("{t}", "shop")',
        hand="ALTER TABLE {m} ADD COLUMN shop int",
        hand_on_sqlite="ALTER TABLE {m} ADD COLUMN shop INTEGER",
        oracle="all",
    ),
    Case(
        "add column with a foreign key",
        'op.add_column("{t}", sa.Column("who", sa.BigInteger,'
        ' sa.ForeignKey("t_user.id", name="fk_{t}")))',
        'op.drop_constraint("fk_{t}", "{t}", type_="foreignkey")\n'
        'op.drop_index("fk_{t}", "{t}")\nop.drop_column("{t}", "who")',
        hand="ALTER TABLE {m} ADD COLUMN who bigint",
        on="servers",
    ),
    Case(
        "add column with a check",
        'op.add_column("{t}", sa.Column("flag", sa.Boolean(create_constraint=True,'
        ' name="ck_{t}"), nullable=False, server_default=sa.text("0")))',
        'op.drop_constraint("ck_{t}", "{t}", type_="check")\nop.drop_column("{t}", "flag")',
        hand="ALTER TABLE {m} ADD COLUMN flag bool NOT NULL DEFAULT 0",
        hand_on_sqlite="ALTER TABLE {m} ADD COLUMN flag BOOLEAN NOT NULL DEFAULT 0",
    ),
    Case(
        "add column that tells the time",
        'op.add_column("{t}", sa.Column("changed", mysql.DATETIME(fsp=3), nullable=False,'
        ' server_default=sa.text("CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)")))',
        'op.drop_column("{t}", "changed")',
        hand="ALTER TABLE {m} ADD changed datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) "
        "ON UPDATE CURRENT_TIMESTAMP(3)",
        on="servers",
    ),
    Case(
        "add generated columns",
        'op.add_column("{t}", sa.Column("twice", sa.Numeric(32, 2), sa.Computed("coin * 2",'
        ' persisted=False)))\nop.add_column("{t}", sa.Column("own", sa.String(90),'
        """ sa.Computed("concat({t}, '-{t}')", persisted=True)))""",
        'op.drop_column("{t}", "own")\nop.drop_column("{t}", "twice")',
        hand="ALTER TABLE {m} ADD twice numeric(32, 2) AS (coin * 2) VIRTUAL",
        on="servers",
    ),
    Case(
        "add column behind another",
        'shardctl.op.add_column("{t}", sa.Column("a", sa.Integer), after="coin")\n'
        'shardctl.op.add_column("{t}", sa.Column("b", sa.Integer), first=True)',
        'op.drop_column("{t}", "a")\nop.drop_column("{t}", "b")',
        hand="ALTER TABLE {m} ADD a int AFTER coin",
        hand_on_sqlite="ALTER TABLE {m} ADD COLUMN a INTEGER",
        oracle="none",
    ),
    Case(
        "add enum",
        'op.add_column("{t}", sa.Column("kind", sa.Enum("新", "it\'s", "50%", "{t}"),'
        ' server_default="新"))',
        'op.drop_column("{t}", "kind")',
        hand="ALTER TABLE {m} ADD kind enum('新','it''s','50%','{t}') DEFAULT '新'",
        on="servers",
    ),
    Case(
        "drop column",
        'op.drop_column("{t}", "tail")',
        'op.add_column("{t}", sa.Column("tail", sa.Integer))',
        hand="ALTER TABLE {m} DROP COLUMN tail",
        oracle="all",
    ),
    Case(
        "drop column with its index",
        'op.drop_index("ix_tail", "{t}")\nop.drop_column("{t}", "tail")',
        'op.add_column("{t}", sa.Column("tail", sa.Integer))\n'
        'op.create_index("ix_tail", "{t}", ["tail"])',
        setup=("CREATE INDEX ix_tail{x} ON {m} (tail)",),
        hand="DROP INDEX ix_tail ON {m}",
        hand_on_sqlite="DROP INDEX ix_tail{x}",
        oracle="all",
    ),
    Case(
        "rename column",
        'op.alter_column("{t}", "note", new_column_name="remark")',
        'op.alter_column("{t}", "remark", new_column_name="note")',
        hand="ALTER TABLE {m} RENAME COLUMN note TO remark",
        oracle="none",
        expected={"SELECT remark FROM {m} ORDER BY id": ("a", None)},
    ),
    Case(
        "rename the family column",
        'op.alter_column("{t}", "{t}", new_column_name="words")',
        'op.alter_column("{t}", "words", new_column_name="{t}")',
        hand="ALTER TABLE {m} RENAME COLUMN {t} TO words",
        oracle="none",
    ),
    Case(
        "swap the names of two columns",
        'op.alter_column("{t}", "up_id", new_column_name="between")\n'
        'op.alter_column("{t}", "room", new_column_name="up_id")\n'
        'op.alter_column("{t}", "between", new_column_name="room")',
        'op.alter_column("{t}", "up_id", new_column_name="between")\n'
        'op.alter_column("{t}", "room", new_column_name="up_id")\n'
        'op.alter_column("{t}", "between", new_column_name="room")',
        hand="ALTER TABLE {m} RENAME COLUMN up_id TO `between`",
        oracle="none",
        expected={"SELECT up_id FROM {m} ORDER BY id": (1, None)},
        changes=("up_id", "room"),
    ),
    Case(
        "add and rename",
        'op.add_column("{t}", sa.Column("a", sa.Integer))\n'
        'op.alter_column("{t}", "a", new_column_name="b")',
        'op.drop_column("{t}", "b")',
        hand="ALTER TABLE {m} ADD COLUMN b INTEGER",
        oracle="none",
    ),
)

ALTERED = (
    Case(
        "a wider type",
        'op.alter_column("{t}", "user_id", type_=sa.Numeric(30, 0))\n'
        'op.alter_column("{t}", "note", type_=sa.String(90))',
        'op.alter_column("{t}", "note", type_=sa.String(40))\n'
        'op.alter_column("{t}", "user_id", type_=sa.BigInteger())',
        hand="ALTER TABLE {m} MODIFY user_id decimal(30,0) NOT NULL DEFAULT '0' COMMENT '用户id'",
        hand_on_sqlite="",
        oracle="none",
        expected={"SELECT note FROM {m} ORDER BY id": ("a", None)},
    ),
    Case(
        "not null and null",
        'op.alter_column("{t}", "coin", nullable=True)\n'
        'op.execute("UPDATE {t} SET status = 0 WHERE status IS NULL")\n'
        'op.alter_column("{t}", "status", nullable=False)',
        'op.alter_column("{t}", "status", nullable=True)\n'
        'op.alter_column("{t}", "coin", nullable=False)',
        hand="ALTER TABLE {m} MODIFY coin decimal(32,2) NULL DEFAULT '0.00' COMMENT '支付币数'",
        hand_on_sqlite="",
        oracle="none",
        expected={"SELECT status FROM {m} ORDER BY id": (1, 0)},
        changes=("status",),
    ),
    Case(
        "defaults",
        f'op.alter_column("{{t}}", "note", server_default={QUOTED}.replace("中文", ""))\n'
        'op.alter_column("{t}", "user_id", server_default=None)\n'
        'op.alter_column("{t}", "tail", server_default=sa.text("5"))',
        'op.alter_column("{t}", "tail", server_default=None)\n'
        'op.alter_column("{t}", "user_id", server_default="0")\n'
        'op.alter_column("{t}", "note", server_default="x")',
        hand="ALTER TABLE {m} ALTER COLUMN user_id DROP DEFAULT, ALTER COLUMN tail SET DEFAULT 5",
        hand_on_sqlite="",
        oracle="none",
    ),
    Case(
        "comments",
        f'op.alter_column("{{t}}", "tail", comment={QUOTED})\n'
        'op.alter_column("{t}", "note", comment=None)',
        'op.alter_column("{t}", "note", comment="it\'s")\n'
        'op.alter_column("{t}", "tail", comment=None)',
        hand="ALTER TABLE {m} MODIFY note varchar(40) CHARACTER SET latin1 DEFAULT 'x'",
        on="servers",
        oracle="none",
    ),
    Case(
        "everything at once",
        'op.alter_column("{t}", "note", new_column_name="remark", type_=sa.String(50),'
        ' nullable=True, server_default="y", comment="备注 {t}")',
        'op.alter_column("{t}", "remark", new_column_name="note", type_=sa.String(40),'
        ' nullable=True, server_default="x", comment="it\'s")',
        hand="ALTER TABLE {m} CHANGE note remark varchar(50) CHARACTER SET latin1 DEFAULT 'y' "
        "COMMENT '备注 {t}'",
        on="servers",
        oracle="none",
    ),
    Case(
        "with existing words",
        'op.alter_column("{t}", "tail", existing_type=sa.Integer(), existing_nullable=True,'
        ' type_=sa.BigInteger(), nullable=False, server_default="0")',
        'op.alter_column("{t}", "tail", existing_type=sa.BigInteger(), type_=sa.Integer(),'
        " nullable=True, server_default=None)",
        setup=("UPDATE {m} SET tail = 0 WHERE tail IS NULL",),
        hand="ALTER TABLE {m} MODIFY tail bigint NOT NULL DEFAULT '0'",
        hand_on_sqlite="",
    ),
    Case(
        "a collation",
        'op.alter_column("{t}", "{t}", type_=mysql.VARCHAR(160, charset="utf8mb4",'
        ' collation="utf8mb4_bin"))',
        'op.alter_column("{t}", "{t}", type_=mysql.VARCHAR(160, charset="utf8mb4",'
        ' collation="utf8mb4_general_ci"))',
        setup=(
            r"ALTER TABLE {m} MODIFY {t} varchar(160) COLLATE utf8mb4_general_ci NOT NULL "
            r"DEFAULT '{t} 50% :x it''s \\ 中文' COMMENT '{t} 50% :x it''s \\ 中文'",
        ),
        on="servers",
        oracle="none",
    ),
    Case(
        "the place of a column in a batch",
        'with op.batch_alter_table("{t}") as batch:\n'
        '    batch.alter_column("tail", type_=sa.BigInteger(), insert_after="id")',
        'with op.batch_alter_table("{t}") as batch:\n'
        '    batch.alter_column("tail", type_=sa.Integer(), insert_after="{t}")',
        hand="ALTER TABLE {m} MODIFY tail bigint AFTER id",
        on="servers",
        oracle="none",
    ),
)

INDEXES = (
    Case(
        "create index",
        'op.create_index("ix_user", "{t}", ["user_id", "coin"])',
        'op.drop_index("ix_user", "{t}")',
        hand="CREATE INDEX ix_user{x} ON {m} (user_id, coin)",
        oracle="all",
    ),
    Case(
        "create unique index",
        'op.create_index(op.f("uq_user"), "{t}", ["user_id"], unique=True)',
        'op.drop_index(op.f("uq_user"), table_name="{t}")',
        hand="CREATE UNIQUE INDEX uq_user{x} ON {m} (user_id)",
        oracle="all",
    ),
    Case(
        "create index with prefixes",
        'op.create_index("ix_words", "{t}", ["{t}", "note"],'
        ' mysql_length={"{t}": 10, "note": 5}, mariadb_length={"{t}": 10, "note": 5})',
        'op.drop_index("ix_words", "{t}")',
        hand="CREATE INDEX ix_words ON {m} ({t}(10), note(5))",
        on="servers",
    ),
    Case(
        "create fulltext index",
        'op.create_index("ft_words", "{t}", ["{t}"],'
        ' mysql_prefix="FULLTEXT", mariadb_prefix="FULLTEXT")',
        'op.drop_index("ft_words", "{t}")',
        hand="CREATE FULLTEXT INDEX ft_words ON {m} ({t})",
        on="servers",
    ),
    Case(
        "create index that descends",
        'op.create_index("ix_down", "{t}", [sa.text("coin DESC"), "id"])',
        'op.drop_index("ix_down", "{t}")',
        hand="CREATE INDEX ix_down{x} ON {m} (coin DESC, id)",
        oracle="all",
    ),
    Case(
        "create functional index",
        """op.create_index("ix_lower", "{t}", [sa.text("(lower({t}))")])""",
        'op.drop_index("ix_lower", "{t}")',
        hand="CREATE INDEX ix_lower ON {m} ((lower({t})))",
        on="mysql",
    ),
    Case(
        "drop index",
        'op.drop_index("ix_coin", "{t}")',
        'op.create_index("ix_coin", "{t}", ["coin"])',
        setup=("CREATE INDEX ix_coin{x} ON {m} (coin)",),
        hand="DROP INDEX ix_coin ON {m}",
        hand_on_sqlite="DROP INDEX ix_coin{x}",
        oracle="all",
    ),
    Case(
        "another index of that name",
        'op.drop_index("ix_money", "{t}")\nop.create_index("ix_money", "{t}", ["coin", "user_id"])',
        'op.drop_index("ix_money", "{t}")\nop.create_index("ix_money", "{t}", ["coin"])',
        setup=("CREATE INDEX ix_money{x} ON {m} (coin)",),
        hand="DROP INDEX ix_money ON {m}",
        hand_on_sqlite="DROP INDEX ix_money{x}",
        oracle="all",
    ),
    Case(
        "unique constraint",
        'op.create_unique_constraint("uq_pair", "{t}", ["user_id", "coin"])',
        'op.drop_constraint("uq_pair", "{t}", type_="unique")',
        hand="CREATE UNIQUE INDEX uq_pair{x} ON {m} (user_id, coin)",
    ),
    Case(
        "unique constraint without a name",
        'op.create_unique_constraint(None, "{t}", ["user_id"])',
        'op.execute("ALTER TABLE {t} DROP INDEX user_id")',
        hand="ALTER TABLE {m} ADD UNIQUE (user_id)",
        on="servers",
    ),
    Case(
        "drop unique constraint",
        'op.drop_constraint("uq_{t}", "{t}", type_="unique")',
        'op.create_unique_constraint("uq_{t}", "{t}", ["user_id"])',
        extra=", CONSTRAINT uq_{t} UNIQUE (user_id)",
        hand="DROP INDEX uq_{t} ON {m}",
        on="servers",
    ),
    Case(
        "raw drop of a unique",
        'op.execute("ALTER TABLE {t} DROP CONSTRAINT uq_pair")',
        'op.execute("ALTER TABLE {t} ADD CONSTRAINT uq_pair UNIQUE (user_id, coin)")',
        extra=", CONSTRAINT uq_pair UNIQUE (user_id, coin)",
        hand="DROP INDEX uq_pair ON {m}",
        on="servers",
    ),
)

CONSTRAINTS = (
    Case(
        "create check",
        r"""op.create_check_constraint("ck_{t}", "{t}", r"coin >= 0 AND {t} <> '{t} 50% \:x'")""",
        'op.drop_constraint("ck_{t}", "{t}", type_="check")',
        hand="ALTER TABLE {m} ADD CONSTRAINT ck_{t}{s} CHECK (coin >= 0 AND {t} <> '{t} 50% :x')",
        hand_on_sqlite="",
    ),
    Case(
        "drop check",
        'op.drop_constraint("ck_{t}", "{t}", type_="check")',
        'op.create_check_constraint("ck_{t}", "{t}", "coin >= 0")',
        extra=", CONSTRAINT ck_{t}{s} CHECK (coin >= 0)",
        hand="ALTER TABLE {m} DROP CONSTRAINT ck_{t}{s}",
        hand_on_sqlite="",
    ),
    Case(
        "another check of the same name",
        'op.drop_constraint("ck_{t}", "{t}", type_="check")\n'
        'op.create_check_constraint("ck_{t}", "{t}", "coin >= 1")',
        'op.drop_constraint("ck_{t}", "{t}", type_="check")\n'
        'op.create_check_constraint("ck_{t}", "{t}", "coin >= 0")',
        extra=", CONSTRAINT ck_{t}{s} CHECK (coin >= 0)",
        hand="ALTER TABLE {m} DROP CONSTRAINT ck_{t}{s}",
        hand_on_sqlite="",
    ),
    Case(
        "foreign key to itself",
        'op.create_foreign_key("fk_{t}", "{t}", "{t}", ["up_id"], ["id"])',
        'op.drop_constraint("fk_{t}", "{t}", type_="foreignkey")\n'
        'op.execute("ALTER TABLE {t} DROP INDEX fk_{t}")',
        hand="ALTER TABLE {m} ADD CONSTRAINT fk_{t}{s} FOREIGN KEY (up_id) REFERENCES {m} (id)",
        on="servers",
    ),
    Case(
        "foreign key to another family",
        'op.create_foreign_key("fk_{t}", "{t}", "t_user", ["room"], ["id"],'
        ' ondelete="SET NULL", onupdate="CASCADE")',
        'op.drop_constraint("fk_{t}", "{t}", type_="foreignkey")\nop.drop_index("fk_{t}", "{t}")',
        hand="ALTER TABLE {m} ADD CONSTRAINT fk_{t}{s} FOREIGN KEY (room) "
        "REFERENCES t_user{s} (id) ON DELETE SET NULL ON UPDATE CASCADE",
        on="servers",
    ),
    Case(
        "foreign key to a plain table",
        'op.create_index("ix_room", "{t}", ["room"])\n'
        'op.create_foreign_key("fk_{t}", "{t}", "room", ["room"], ["id"])',
        'op.drop_constraint("fk_{t}", "{t}", type_="foreignkey")\nop.drop_index("ix_room", "{t}")',
        hand="CREATE INDEX ix_room ON {m} (room)",
        on="servers",
    ),
    Case(
        "foreign keys on sqlite",
        'op.create_foreign_key("fk_a", "{t}", "{t}", ["up_id"], ["id"])\n'
        'op.create_foreign_key("fk_b", "{t}", "t_user", ["room"], ["id"], ondelete="CASCADE")\n'
        'op.create_foreign_key("fk_c", "{t}", "room", ["room"], ["id"])',
        'op.drop_constraint("fk_c", "{t}", type_="foreignkey")\n'
        'op.drop_constraint("fk_b", "{t}", type_="foreignkey")\n'
        'op.drop_constraint("fk_a", "{t}", type_="foreignkey")',
        on="sqlite",
    ),
    Case(
        "drop foreign key with an index of its own",
        'op.drop_constraint("fk_{t}", "{t}", type_="foreignkey")',
        'op.create_foreign_key("fk_{t}", "{t}", "t_user", ["room"], ["id"])',
        extra=", CONSTRAINT fk_{t}{s} FOREIGN KEY (room) REFERENCES t_user{s} (id)",
        on="servers",
    ),
    Case(
        "drop foreign key",
        'op.drop_constraint("fk_{t}", "{t}", type_="foreignkey")',
        'op.create_foreign_key("fk_{t}", "{t}", "t_user", ["room"], ["id"])',
        extra=", KEY ix_room (room), "
        "CONSTRAINT fk_{t}{s} FOREIGN KEY (room) REFERENCES t_user{s} (id)",
        hand="ALTER TABLE {m} DROP FOREIGN KEY fk_{t}{s}",
        on="servers",
    ),
    Case(
        "another primary key",
        'op.drop_constraint("PRIMARY", "{t}", type_="primary")\n'
        'op.create_primary_key("pk_{t}", "{t}", ["id", "coin"])',
        'op.drop_constraint("PRIMARY", "{t}", type_="primary")\n'
        'op.create_primary_key("pk_{t}", "{t}", ["id"])',
        hand="ALTER TABLE {m} DROP PRIMARY KEY",
        on="servers",
    ),
    Case(
        "table comment",
        f'op.create_table_comment("{{t}}", {QUOTED} + "新")',
        f'op.create_table_comment("{{t}}", {QUOTED}.strip())',
        hand="ALTER TABLE {m} COMMENT = '手工'",
        on="servers",
    ),
    Case(
        "no table comment",
        'op.drop_table_comment("{t}")',
        f'op.create_table_comment("{{t}}", {QUOTED})',
        hand="ALTER TABLE {m} COMMENT = ''",
        on="servers",
    ),
)

COMBINED = (
    Case(
        "a batch",
        'with op.batch_alter_table("{t}") as batch:\n'
        '    batch.add_column(sa.Column("shop", sa.Integer), insert_after="coin")\n'
        '    batch.create_index("ix_shop", ["shop"])\n'
        '    batch.alter_column("tail", type_=sa.BigInteger())\n'
        '    batch.create_unique_constraint("uq_both", ["user_id", "id"])\n'
        '    batch.create_check_constraint("ck_{t}", "shop > 0")',
        'with op.batch_alter_table("{t}") as batch:\n'
        '    batch.drop_constraint("ck_{t}", type_="check")\n'
        '    batch.drop_constraint("uq_both", type_="unique")\n'
        '    batch.alter_column("tail", type_=sa.Integer())\n'
        '    batch.drop_index("ix_shop")\n'
        '    batch.drop_column("shop")',
        hand="ALTER TABLE {m} ADD COLUMN shop int AFTER coin, ADD UNIQUE uq_both (user_id, id)",
        hand_on_sqlite="ALTER TABLE {m} ADD COLUMN shop INTEGER",
        oracle="none",
    ),
    Case(
        "raw sql",
        "op.execute(r'''ALTER TABLE {t} ADD COLUMN shop int NOT NULL DEFAULT 3"
        """ COMMENT '{t} 50% :x it\\'s' AFTER id, ADD INDEX ix_shop (shop)''')\n"""
        'op.execute("CREATE UNIQUE INDEX uq_id ON `{t}` (user_id, id)")\n'
        "op.execute(\"ALTER TABLE {{t}} ADD CONSTRAINT ck_{t} CHECK ({t} <> '{t}')\")",
        'op.execute("ALTER TABLE {t} DROP CONSTRAINT ck_{t}")\n'
        'op.execute("DROP INDEX uq_id ON {t}")\n'
        'op.execute("ALTER TABLE {t} DROP INDEX ix_shop, DROP COLUMN shop")',
        hand="CREATE UNIQUE INDEX uq_id ON {m} (user_id, id)",
        on="servers",
        oracle="none",
        expected={"SELECT shop FROM {m}": (3, 3)},
    ),
    Case(
        "raw sql on sqlite",
        'op.execute("ALTER TABLE {t} ADD COLUMN shop int NOT NULL DEFAULT 3")\n'
        'op.execute("CREATE UNIQUE INDEX uq_id ON {t} (user_id, id)")',
        'op.execute("DROP INDEX uq_id")\nop.execute("ALTER TABLE {t} DROP COLUMN shop")',
        hand="CREATE UNIQUE INDEX uq_id{x} ON {m} (user_id, id)",
        on="sqlite",
        oracle="all",
    ),
    Case(
        "data between columns",
        'op.add_column("{t}", sa.Column("total", sa.Numeric(32, 2)))\n'
        """op.execute("UPDATE {t} SET total = coin * 2, {t} = '{t} 50%' WHERE {t}.id > 0")\n"""
        'op.alter_column("{t}", "total", existing_type=sa.Numeric(32, 2), nullable=False)',
        'op.drop_column("{t}", "total")',
        hand="ALTER TABLE {m} ADD total decimal(32,2)",
        hand_on_sqlite="ALTER TABLE {m} ADD COLUMN total NUMERIC(32, 2)",
        expected={
            "SELECT total FROM {m} ORDER BY id": (3, 5),
            "SELECT {t} FROM {m}": ("{t} 50%", "{t} 50%"),
        },
        changes=("{t}",),
    ),
    Case(
        "bound values",
        'op.execute(sa.text("UPDATE {t} SET note = :note WHERE id = :id")'
        r'.bindparams(note="{t} 50% \\ it\'s", id=2))',
        'op.execute(sa.text("UPDATE {t} SET note = NULL WHERE id = :id").bindparams(id=2))',
        expected={"SELECT note FROM {m} ORDER BY id": ("a", "{t} 50% \\ it's")},
        changes=("note",),
    ),
    Case(
        "expressions",
        'orders = sa.table("{t}", sa.column("id"), sa.column("coin"), sa.column("{t}"),'
        ' sa.column("note"))\n'
        'op.execute(orders.update().where(orders.c.id == 1).values({"coin": orders.c.coin + 1,'
        ' "{t}": "{t} 50%"}))\n'
        "op.execute(orders.update().where(orders.c.coin < sa.select(sa.func.max("
        'sa.table("t_user", sa.column("id")).c.id)).scalar_subquery()).values(note="few"))',
        'orders = sa.table("{t}", sa.column("id"), sa.column("coin"))\n'
        "op.execute(orders.update().where(orders.c.id == 1).values(coin=orders.c.coin - 1))",
        expected={
            "SELECT coin FROM {m} ORDER BY id": (2.5, 2.5),
            "SELECT note FROM {m} ORDER BY id": ("few", "few"),
        },
        changes=("coin", "{t}", "note"),
    ),
    Case(
        "rows deleted and copied",
        'orders = sa.table("{t}", sa.column("id"))\n'
        "op.execute(orders.delete().where(orders.c.id == 1))\n"
        'op.execute("INSERT INTO {t} (id, coin) SELECT id + 10, coin FROM {t} WHERE id = 2")',
        'op.execute("DELETE FROM {t} WHERE id > 10")\n'
        'op.execute("INSERT INTO {t} (id) SELECT id - 1 FROM {t}")',
        expected={"SELECT id FROM {m} ORDER BY id": (2, 12)},
        changes=("*",),
    ),
    Case(
        "a sum of each month",
        'op.create_table("{t}_sum", sa.Column("coin", sa.Integer))\n'
        'shardctl.op.execute("INSERT INTO {t}_sum SELECT SUM(coin) FROM {t}", each_month=True)',
        'op.drop_table("{t}_sum")',
        oracle="none",
        expected={"SELECT coin FROM {t}_sum": (4, 4, 4)},
    ),
    Case(
        "plain tables beside",
        'op.create_table("{t}_shop", sa.Column("id", sa.Integer, primary_key=True,'
        ' autoincrement=False), sa.Column("{t}", sa.String(50), server_default="{t} 50%"))\n'
        'op.bulk_insert(sa.table("{t}_shop", sa.column("id")), [{"id": 1}, {"id": 2}])\n'
        'op.create_index("ix_shop_{t}", "{t}_shop", ["{t}"])\n'
        'op.rename_table("{t}_shop", "{t}_mall")\n'
        'op.add_column("{t}_mall", sa.Column("floor", sa.Integer))\n'
        'op.execute("UPDATE {t}_mall SET floor = id")\n'
        'op.add_column("{t}", sa.Column("shop", sa.Integer))',
        'op.drop_column("{t}", "shop")\n'
        'op.drop_column("{t}_mall", "floor")\n'
        'op.rename_table("{t}_mall", "{t}_shop")\n'
        'op.drop_index("ix_shop_{t}", "{t}_shop")\n'
        'op.drop_table("{t}_shop")',
        oracle="all",
        expected={"SELECT floor FROM {t}_mall ORDER BY id": (1, 2)},
    ),
)
GROUPS = {
    "columns": COLUMNS,
    "altered columns": ALTERED,
    "indexes": INDEXES,
    "constraints": CONSTRAINTS,
    "data and raw SQL": COMBINED,
}


@dataclass(frozen=True)
class Bench:
    """A project with a family for each case, and one session for what is done by hand."""

    project: Project
    connection: Connection
    cases: Sequence[Case]

    @property
    def dialect(self) -> Dialect:
        return self.project.database.dialect

    @property
    def sqlite(self) -> bool:
        return self.project.is_sqlite

    def sql(self, *statements: str) -> None:
        for statement in statements:
            execute(self.connection, Statement(statement))

    def set_up(self) -> None:
        """Families of a template and three months of two rows each, and what they refer to."""
        self.sql("CREATE TABLE room (id bigint PRIMARY KEY)", "INSERT INTO room VALUES (1)")
        for suffix in ("", *SUFFIXES):
            self.sql(f"CREATE TABLE t_user{suffix} (id bigint PRIMARY KEY)")
            if suffix:
                self.sql(f"INSERT INTO t_user{suffix} VALUES (1), (3)")
            for case in self.cases:
                self.make(case, suffix)

    def make(self, case: Case, suffix: str) -> None:
        create = TABLE["sqlite" if self.sqlite else "server"].replace("{extra}", case.extra)
        rows = (ROWS,) if suffix else ()
        for statement in (create, *rows, *case.setup):
            self.sql(case.filled(statement, suffix, tagged=self.sqlite))

    def made_by_alembic(self, case: Case) -> Structure | None:
        """What plain Alembic makes of one table by the same revision; None where it cannot, or
        loses what the revision does not repeat."""
        if case.oracle == "none" or (case.oracle == "servers" and self.sqlite):
            return None
        self.sql("CREATE TABLE room (id bigint PRIMARY KEY)")
        self.sql("CREATE TABLE t_user (id bigint PRIMARY KEY)")
        self.make(case, "")
        operations = Operations(MigrationContext.configure(self.connection))
        exec(case.filled(case.up), {"op": operations, "sa": sa, "mysql": mysql})
        made = self.dialect.structures(self.connection, [case.family])[case.family]
        self.dialect.drop(self.connection, self.dialect.table_names(self.connection))
        return made.referring(references(self.project.config.families, None))

    def write_revisions(self) -> None:
        """A revision for each case, some of which is done by hand on one month."""
        for number, case in enumerate(self.cases):
            hand = case.hand
            if self.sqlite and case.hand_on_sqlite is not None:
                hand = case.hand_on_sqlite
            if hand:
                self.sql(case.filled(hand, BY_HAND, tagged=self.sqlite))
            up, down = case.filled(case.up), case.filled(case.down)
            self.project.revision(f"r{number:02}", up, down, head="import shardctl.op")

    def looks(self) -> dict[str, Structure]:
        """How all tables look, by name; what they refer to under the families' words."""
        found = {}
        families = self.project.config.families
        for suffix in ("", *SUFFIXES):
            words = references(families, Month.parse(suffix[1:]) if suffix else None)
            tables = [case.family + suffix for case in self.cases]
            for table, structure in self.dialect.structures(self.connection, tables).items():
                found[table] = structure.referring(words)
        return found

    def rows(self) -> dict[str, list[dict[str, object]]]:
        """The rows of all months."""
        found = {}
        for table in (case.family + suffix for case in self.cases for suffix in SUFFIXES):
            result = self.connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY id")
            found[table] = [dict(row) for row in result.mappings()]
        return found

    def text(self, table: str) -> list[str]:
        """SHOW CREATE TABLE without what must differ between months; sorted."""
        lines = shown(self.connection, self.dialect, table)
        suffix = re.search(r"_2020\d\d$", table)
        return sorted(line.replace(f"{suffix[0]}` (", "` (") if suffix else line for line in lines)

    def unequal_months(self, looks: Mapping[str, Structure]) -> Iterator[str]:
        """By the structures that shardctl reads, and by the text that a server shows."""
        for case in self.cases:
            expected = set() if self.sqlite else set(self.text(case.family))
            for month in (case.family + suffix for suffix in SUFFIXES):
                for difference in differences(looks[case.family], looks[month]):
                    yield f"{month}: {difference}"
                if not self.sqlite and (unlike := set(self.text(month)) ^ expected):
                    yield f"{month}: {unlike}"

    def unexpected(self) -> Iterator[str]:
        """Queries that do not give what a case says."""
        for case in self.cases:
            for query, values in case.expected.items():
                wanted = [case.filled(v) if isinstance(v, str) else v for v in values]
                for sql in (case.filled(query, suffix) for suffix in SUFFIXES):
                    found = list(self.connection.exec_driver_sql(sql).scalars())
                    if found != wanted:
                        yield f"{sql} gives {found}, expected {wanted}"


@pytest.mark.parametrize("group", GROUPS)
def test_every_operation_goes_up_and_down(tmp_path: Path, url: str, group: str) -> None:
    database = open_database(url)
    cases = [case for case in GROUPS[group] if case.runs_on(database.dialect.name)]
    project = Project.make(tmp_path, url, "t_user", *(case.family for case in cases))
    with database.connect() as connection:
        bench = Bench(project, connection, cases)
        alone = {case.family: bench.made_by_alembic(case) for case in cases}
        bench.set_up()
        untouched, rows = bench.looks(), bench.rows()
        bench.write_revisions()

        project.upgrade(destructive=True)
        changed = bench.looks()
        problems = [*bench.unequal_months(changed), *bench.unexpected()]
        problems += unlike_alembic(changed, alone)
        problems += lost_rows(cases, rows, bench.rows())
        assert problems == []
        assert project.left_behind() == []

        assert project.upgrade(destructive=True).outcomes == ()
        assert bench.looks() == changed

        project.downgrade("base")
        after = bench.looks()
        assert list(bench.unequal_months(after)) == []
        assert [
            f"{table}: {difference}"
            for table, structure in untouched.items()
            for difference in differences(structure, after[table])
            if not difference.only_position  # of a column that was dropped and added again
        ] == []


def unlike_alembic(
    looks: Mapping[str, Structure], alone: Mapping[str, Structure | None]
) -> Iterator[str]:
    for table, made in alone.items():
        if made is not None:
            for difference in differences(made, looks[table]):
                yield f"{table} is unlike plain Alembic's: {difference}"


def lost_rows(
    cases: Sequence[Case],
    before: Mapping[str, list[dict[str, object]]],
    after: Mapping[str, list[dict[str, object]]],
) -> Iterator[str]:
    """Values of columns that the revision does not change, and yet are not as they were."""
    for case in cases:
        changed = {case.filled(column) for column in case.changes}
        if "*" in changed:
            continue
        changed |= {"seen"} if changed else set()  # ON UPDATE CURRENT_TIMESTAMP
        for table in (case.family + suffix for suffix in SUFFIXES):
            kept = (before[table][0].keys() & after[table][0].keys()) - changed
            for old, new in zip(before[table], after[table], strict=True):
                for column in kept:
                    if old[column] != new[column]:
                        yield f"{table}.{column}: {old[column]!r} became {new[column]!r}"


def months_of(project: Project, *definitions: str) -> list[str]:
    """A family t_order whose template and three months are defined each by one text or by a last
    one for all the rest; `{m}` is the table, `{s}` its suffix."""
    tables = []
    for number, suffix in enumerate(("", *SUFFIXES)):
        definition = definitions[min(number, len(definitions) - 1)]
        tables.append(f"t_order{suffix}")
        project.sql(definition.replace("{m}", tables[-1]).replace("{s}", suffix))
    return tables[1:]


def test_a_changed_null_loses_nothing_of_a_months_own_column(
    tmp_path: Path, server_url: str
) -> None:
    project = Project.make(tmp_path, server_url, "t_order")
    moment = "timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)"
    template, month = (
        "CREATE TABLE {m} (id int PRIMARY KEY, "
        f"note varchar({size}) {charset} NOT NULL DEFAULT '{default}' COMMENT '{comment}', "
        f"seen {moment} COMMENT '{comment}', coin decimal({size},2) NOT NULL DEFAULT '{size}.00')"
        for size, charset, default, comment in (
            (20, "", "a", "t_order"),
            (
                30,
                "CHARACTER SET latin1 COLLATE latin1_bin",
                r"50% \\ it''s :x",
                r"别的 t_order \\ %",
            ),
        )
    )
    months = months_of(project, template, template, month)
    before = project.structures(*months)
    up = [f'op.alter_column("t_order", "{name}", nullable=True)' for name in OWN]
    down = [f'op.alter_column("t_order", "{name}", nullable=False)' for name in OWN]
    project.revision("r1", "\n".join(up), "\n".join(down))
    project.upgrade()
    for table, structure in project.structures(*months).items():
        for old, new in zip(before[table].columns, structure.columns, strict=True):
            assert new == replace(old, nullable=old.name in OWN)
    project.downgrade("base")
    assert project.structures(*months) == before


OWN = ("note", "seen", "coin")


def test_a_constraint_is_dropped_by_its_meaning_where_a_month_calls_it_otherwise(
    tmp_path: Path, url: str
) -> None:
    project = Project.make(tmp_path, url, "t_order")
    project.sql("CREATE TABLE room (id int PRIMARY KEY)")
    months = months_of(
        project,
        *(
            "CREATE TABLE {m} (id int PRIMARY KEY, coin int, room int, "
            f"CONSTRAINT {check} CHECK (coin > 0), CONSTRAINT {key} FOREIGN KEY (room) "
            "REFERENCES room (id))"
            for check, key in (
                ("ck_coin", "fk_room"),
                ("ck_coin{s}", "fk_room{s}"),
                ("legacy{s}", "{m}_ibfk_7"),
                ("{m}_chk_9", "legacy_fk{s}"),
            )
        ),
    )
    before = project.structures(*months)
    project.revision(
        "r1",
        'op.drop_constraint("ck_coin", "t_order", type_="check")\n'
        'op.drop_constraint("fk_room", "t_order", type_="foreignkey")',
        'op.create_foreign_key("fk_room", "t_order", "room", ["room"], ["id"])\n'
        'op.create_check_constraint("ck_coin", "t_order", "coin > 0")',
    )
    project.upgrade()
    for structure in project.structures("t_order", *months).values():
        assert (structure.checks, structure.foreign_keys) == ((), ())
    project.downgrade("base")
    for month, structure in project.structures(*months).items():
        assert differences(before[month], structure) == ()
        assert [check.name for check in structure.checks] == [f"ck_coin{month[7:]}"]
        assert [key.name for key in structure.foreign_keys] == [f"fk_room{month[7:]}"]


@pytest.mark.parametrize("goes_on", [True, False], ids=["gone on with", "given up"])
def test_a_revision_of_constraints_that_stopped_is_gone_on_with_or_given_up(
    tmp_path: Path, url: str, goes_on: bool
) -> None:
    project = Project.make(tmp_path, url, "t_order")
    project.sql("CREATE TABLE room (id int PRIMARY KEY)")
    months = months_of(
        project,
        *(
            "CREATE TABLE {m} (id int PRIMARY KEY, coin int, room int, up int, "
            f"CONSTRAINT {check} CHECK (coin > 0), CONSTRAINT fk_room{{s}} FOREIGN KEY (room) "
            "REFERENCES room (id))"
            for check in ("ck_coin{s}", "ck_coin{s}", "ck_coin{s}", "legacy{s}")
        ),
    )
    for month in months:
        project.sql(f"INSERT INTO {month} (id, coin) VALUES (1, 1), (2, 2)")
    project.sql(f"UPDATE {months[1]} SET coin = 1")
    before = project.structures("t_order", *months)
    project.revision(
        "r1",
        'op.drop_constraint("ck_coin", "t_order", type_="check")\n'
        'op.create_check_constraint("ck_coin", "t_order", "coin >= 0")\n'
        'op.drop_constraint("fk_room", "t_order", type_="foreignkey")\n'
        'op.create_index("uq_coin", "t_order", ["coin"], unique=True)\n'
        'op.create_index("ix_up", "t_order", ["up"])\n'
        'op.create_foreign_key("fk_room", "t_order", "t_order", ["up"], ["id"])',
        'op.drop_constraint("fk_room", "t_order", type_="foreignkey")\n'
        'op.drop_index("ix_up", "t_order")\n'
        'op.drop_index("uq_coin", "t_order")\n'
        'op.create_foreign_key("fk_room", "t_order", "room", ["room"], ["id"])\n'
        'op.drop_constraint("ck_coin", "t_order", type_="check")\n'
        'op.create_check_constraint("ck_coin", "t_order", "coin > 0")',
    )
    with pytest.raises(StepFailed, match=months[1]):
        project.upgrade()
    if not goes_on:
        project.downgrade("base")
        after = project.structures("t_order", *months)
        for table, structure in before.items():
            assert differences(structure, after[table]) == ()
        return
    project.sql(f"UPDATE {months[1]} SET coin = id")
    project.upgrade()
    with project.connect() as connection:
        dialect = project.database.dialect
        template = dialect.structures(connection, ["t_order"])["t_order"]
        wanted = template.referring({"t_order": "itself"})
        for month in months:
            structure = dialect.structures(connection, [month])[month]
            assert differences(wanted, structure.referring({month: "itself"})) == ()
            assert [check.name for check in structure.checks] == [f"ck_coin{month[7:]}"]
    assert template.checks[0].expression != before["t_order"].checks[0].expression


def test_a_column_at_another_place_is_there_already_and_told_as_drift(
    tmp_path: Path, server_url: str
) -> None:
    project = Project.make(tmp_path, server_url, "t_order")
    months = months_of(project, "CREATE TABLE {m} (id int PRIMARY KEY, coin int)")
    project.sql(f"ALTER TABLE {months[1]} ADD COLUMN shop int")
    project.revision(
        "r1",
        'shardctl.op.add_column("t_order", sa.Column("shop", sa.Integer), after="id")',
        head="import shardctl.op",
    )
    (outcome,) = project.upgrade().outcomes
    assert outcome.found[months[1]] == (0,)
    drift = [
        differences(project.structure("t_order"), project.structure(month)) for month in months
    ]
    assert [len(found) for found in drift] == [0, 1, 0]
    assert drift[1][0].only_position
