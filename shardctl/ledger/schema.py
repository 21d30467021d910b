"""The ledger's tables; `creation` makes them.

All names begin with `shardctl_`. On MySQL and MariaDB the tables are InnoDB with utf8mb4_bin, so
that two names that differ in case or accents stay two.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql

from shardctl.ledger.clock import Instant, utc_now

LOCK: Final = "database"
"""The name of the one row of `shardctl_lock`: a database has one lock."""


_LongText = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
_Name = String(64)
_Revision = String(255)
_Id = String(191)
_Number = BigInteger().with_variant(Integer(), "sqlite")  # which numbers no other type's rows

metadata = MetaData()


_OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_bin"}


def _table(name: str, *columns: Column[Any] | UniqueConstraint) -> Table:
    # The two servers are two dialects to SQLAlchemy, by the URL's scheme.
    options: dict[str, Any] = {}
    for flavour in ("mysql", "mariadb"):
        options |= {f"{flavour}_{key}": value for key, value in _OPTIONS.items()}
    return Table(name, metadata, *columns, **options)


meta = _table(
    "shardctl_meta",
    Column("name", _Name, primary_key=True),
    Column("version", Integer, nullable=False),
)

run = _table(
    "shardctl_run",
    Column("revision", _Revision, primary_key=True),
    Column("direction", String(4), primary_key=True),
    Column("source", _LongText, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("clauses", _LongText, nullable=False),
    Column("states", _LongText, nullable=False),
    Column("token", _Name, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("finished_at", Instant),
)

clause = _table(
    "shardctl_clause",
    Column("revision", _Revision, primary_key=True),
    Column("direction", String(4), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("table_name", _Name, primary_key=True),
    Column("how", String(8)),
    Column("token", _Name, nullable=False),
    Column("connection_id", BigInteger),
    Column("begun_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("seconds", Float(53)),
    Column("row_count", BigInteger),
    Column("statement", _LongText),
    Column("words", _LongText),
)
"""What became of each clause on each table. Since version 5: `statement`, the SQL as it was sent,
without bound values; `words`, why it failed or is left out."""

log = _table(
    "shardctl_log",
    Column("id", _Number, primary_key=True),
    Column("revision", _Revision, nullable=False),
    Column("direction", String(4), nullable=False),
    Column("n", Integer, nullable=False),
    Column("table_name", _Name, nullable=False),
    Column("how", String(8)),
    Column("token", _Name, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("seconds", Float(53)),
    Column("row_count", BigInteger),
    Column("statement", _LongText),
    Column("words", _LongText),
)
"""Rows of `shardctl_clause` that count no more, since what they tell was undone or forgotten.
Only ever added to. Since version 5."""

backfill = _table(
    "shardctl_backfill",
    Column("revision", _Revision, primary_key=True),
    Column("direction", String(4), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("table_name", _Name, primary_key=True),
    Column("position", _LongText, nullable=False),
    Column("chunks", BigInteger, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("seconds", Float(53), nullable=False),
    Column("updated_at", Instant, nullable=False),
)
"""How far a backfill has come on a table; its row of `shardctl_clause` comes with its last chunk.
Since version 5."""

month = _table(
    "shardctl_month",
    Column("table_name", _Name, primary_key=True),
    Column("family", _Name, nullable=False),
    Column("month", String(6), nullable=False),
    Column("revision", _Revision),
    Column("origin", String(8), nullable=False),
    Column("registered_at", Instant, nullable=False),
)

family = _table(
    "shardctl_family",
    Column("family", _Name, primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("routing", _LongText, nullable=False),
    Column("registered_at", Instant, nullable=False),
)
"""How a family's IDs were routed when it was first seen. Since version 3."""

lock = _table(
    "shardctl_lock",
    Column("name", _Name, primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("held", Boolean(create_constraint=False), nullable=False),
    Column("token", _Name, nullable=False),
    Column("orphans", _LongText, nullable=False),
    Column("command", String(255), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("host", String(255), nullable=False),
    Column("machine", String(255), nullable=False),
    Column("pid", BigInteger),
    Column("started", BigInteger),
    Column("server", String(255), nullable=False),
    Column("connection_id", BigInteger),
    Column("acquired_at", Instant),
)
"""Who holds the lock. `machine` tells process ids of different kernels and containers apart;
`server` is the one on which the owner's named lock was seen, "" where none was; `orphans` are
tokens of earlier owners whose statements have not been ended yet."""

session = _table(
    "shardctl_session",
    Column("token", _Name, primary_key=True),
    Column("command", String(255), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", BigInteger),
    Column("version", _Name, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("ended_at", Instant),
)
"""The commands that held the lock, each under the token that its clauses bear; `version` is that
of shardctl. One that was killed has not told its end. Since version 5."""

heartbeat = _table(
    "shardctl_heartbeat",
    Column("name", _Name, primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("beat_at", Instant),
)
"""The owner's last sign of life; NULL where the owner sends none (SQLite).

A table of its own: a data clause that is under way holds a shared lock on the row of
`shardctl_lock`, which keeps others from taking over in its midst and must not hold up the beats.
"""

worker = _table(
    "shardctl_worker",
    Column("pool", _Name, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("host", String(255), nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("renewed_at", Instant, nullable=False),
)
"""Worker numbers of minters. `until_ms` is the high-water mark, in milliseconds since 1970: IDs
with the number bear an earlier time. It only ever rises. Host and pid are for people."""

# Of the three below commands make the tables alone; their rows are written by applications, each
# within the transaction of the row that it speaks of. Constraints rather than indexes: CREATE
# TABLE makes them along, where an index is a statement of its own that MySQL cannot be told to
# leave out where it is there.

registry = _table(
    "shardctl_registry",
    Column("family", _Name, primary_key=True),
    Column("business", _Name, primary_key=True),
    Column("client_id", _Id, primary_key=True),
    Column("order_id", _Id, nullable=False),
    Column("month", String(6), nullable=False),
    Column("registered_at", Instant, nullable=False, default=utc_now()),
    UniqueConstraint("family", "month", "business", "client_id", name="shardctl_registry_month"),
)
"""Which row of which month a caller's own number stands for. Since version 4."""

journal = _table(
    "shardctl_journal",
    Column("id", _Number, primary_key=True),
    Column("family", _Name, nullable=False),
    Column("month", String(6), nullable=False),
    Column("order_id", _Id, nullable=False),
    Column("row", _LongText, nullable=False),
    Column("reopened_at", Instant, nullable=False, default=utc_now()),
    UniqueConstraint("family", "order_id", "id", name="shardctl_journal_order"),
)
"""What rows were before they were tried again under their number as new. Since version 4."""

sweep = _table(
    "shardctl_sweep",
    Column("family", _Name, primary_key=True),
    Column("name", _Name, primary_key=True),
    Column("until", Instant, nullable=False),
)
"""Up to when sweepers have seen all rows. Since version 4."""
