"""Which server answers, and what it can do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import Connection

Flavour: TypeAlias = Literal["mysql", "mariadb"]


@dataclass(frozen=True, slots=True)
class Server:
    """A server's flavour and version; capabilities have names: no caller compares numbers."""

    flavour: Flavour
    version: tuple[int, ...]

    @classmethod
    def of(cls, connection: Connection) -> Server:
        """Ask the server at the other end of a connection."""
        text = str(connection.exec_driver_sql("SELECT VERSION()").scalar_one())
        flavour: Flavour = "mariadb" if "mariadb" in text.lower() else "mysql"
        numbers = re.match(r"[0-9]+(?:\.[0-9]+)*", text)
        return cls(flavour, tuple(int(n) for n in numbers[0].split(".")) if numbers else ())

    @property
    def row_version_limit(self) -> int | None:
        """How many row versions a table may have; None where the server counts none.

        64 since 8.0.29, https://dev.mysql.com/doc/refman/8.4/en/innodb-online-ddl-operations.html;
        255 since 9.1.0.
        """
        if self.is_mariadb or self.version < (8, 0, 29):
            return None
        return 64 if self.version < (9, 1) else 255

    @property
    def has_online_copy(self) -> bool:
        """Whether others can write to a table that is copied.

        https://mariadb.com/docs/server/reference/sql-statements/data-definition/alter/alter-table
        """
        return self.is_mariadb and self.version >= (11, 2)

    @property
    def is_mariadb(self) -> bool:
        """Whether it is MariaDB, whose information_schema spells much otherwise."""
        return self.flavour == "mariadb"

    @property
    def says_binary_log(self) -> bool:
        """Whether SHOW MASTER STATUS is called SHOW BINARY LOG STATUS: MySQL 8.2."""
        return not self.is_mariadb and self.version >= (8, 2)

    @property
    def says_replica(self) -> bool:
        """Whether its statements say REPLICA in place of SLAVE: MySQL 8.0.22, MariaDB 10.5.1."""
        return self.is_mariadb or self.version >= (8, 0, 22)
