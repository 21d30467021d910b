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
