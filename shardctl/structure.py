"""How a table looks, as values that can be compared: the server's words, made canonical.

Two tables are alike when their `elements` are equal. Names that a server keeps unique in a whole
schema (CHECK, FOREIGN KEY) stand beside the elements, not in them: they differ from month to
month though the tables are alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

SELF = "<self>"
"""What a foreign key refers to when it refers to its own table."""

Key: TypeAlias = tuple[str, ...]
"""The address of one element: `("column", "coin")`, `("index", "ix_user")`, `("order",)`."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Texts are the server's, normalised by the dialect that read them.

    `default` is SQL (`'0.00'` with its quotes, `CURRENT_TIMESTAMP`), None where there is none.
    `extra` holds what has no field of its own (SRID, COLUMN_FORMAT, …).
    """

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    charset: str | None = None
    collation: str | None = None
    on_update: str | None = None
    auto_increment: bool = False
    generated: str | None = None
    stored: bool = False
    invisible: bool = False
    comment: str = ""
    extra: str = ""


@dataclass(frozen=True, slots=True)
class IndexPart:
    """A column (or an expression) of an index, with its prefix length in characters."""

    column: str | None
    expression: str | None = None
    length: int | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """An index or key; `kind` is primary, unique, key, fulltext or spatial."""

    name: str
    kind: str
    parts: tuple[IndexPart, ...]
    invisible: bool = False
    comment: str = ""
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint; its meaning is the expression, its name only an address."""

    name: str
    expression: str
    enforced: bool = True


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; its meaning is what it binds, its name only an address."""

    name: str
    columns: tuple[str, ...]
    table: str
    references: tuple[str, ...]
    on_update: str = "NO ACTION"
    on_delete: str = "NO ACTION"


@dataclass(frozen=True, slots=True)
class Structure:
    """All that makes one table's structure, without its name, its rows and its counters."""

    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    checks: tuple[Check, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    partitions: str = ""

    def elements(self) -> dict[Key, object]:
        """Everything that can differ, by address, without the names that must differ."""
        found: dict[Key, object] = {("column", column.name): column for column in self.columns}
        found[("order",)] = tuple(column.name for column in self.columns)
        found.update({("index", index.name): index for index in self.indexes})
        seen: Counter[str] = Counter()
        for check in self.checks:
            seen[check.expression] += 1
            found["check", check.expression, str(seen[check.expression])] = check.enforced
        for key in self.foreign_keys:
            found[foreign_key_address(key)] = (key.on_update, key.on_delete)
        found.update({("option", name): value for name, value in self.options})
        if self.partitions:
            found[("partitions",)] = self.partitions
        return found

    def referring(self, names: Mapping[str, str]) -> Structure:
        """The same structure with the tables that foreign keys refer to renamed for comparison.

        Args:
            names: from a table's real name to the word that stands for it in all months.
        """
        if not self.foreign_keys:
            return self
        keys = tuple(
            replace(key, table=names.get(key.table, key.table)) for key in self.foreign_keys
        )
        return replace(self, foreign_keys=keys)


def foreign_key_address(key: ForeignKey) -> Key:
    """The address of a foreign key: what it binds, whatever its name."""
    return ("foreign key", ",".join(key.columns), key.table, ",".join(key.references))


@dataclass(frozen=True, slots=True)
class Difference:
    """One element in which a table is not as expected; None on one side: it is absent there."""

    key: Key
    expected: object | None
    found: object | None

    def __str__(self) -> str:
        what = title(self.key)
        if self.found is None:
            return f"{what} missing"
        if self.expected is None:
            return f"{what} extra"
        return f"{what}: {_change(self.expected, self.found)}"

    @property
    def only_position(self) -> bool:
        """Whether only the order of columns differs, which no query by name notices."""
        return self.key == ("order",)

    @property
    def only_storage(self) -> bool:
        """Whether only the way differs in which rows are stored, which no query notices."""
        named = ("engine", "collation", "comment", "type")
        return self.key[0] == "option" and self.key[1] not in named


def differences(expected: Structure, found: Structure) -> tuple[Difference, ...]:
    """All in which `found` is not as `expected`, one entry an element, in the order expected.

    The order of columns is compared among the columns that both have: a column too many is
    one difference, not two.
    """
    wanted, present = expected.elements(), found.elements()
    both = {column.name for column in expected.columns} & {column.name for column in found.columns}
    for elements, structure in ((wanted, expected), (present, found)):
        elements[("order",)] = tuple(c.name for c in structure.columns if c.name in both)
    return tuple(
        Difference(key, wanted.get(key), present.get(key))
        for key in wanted | present
        if wanted.get(key) != present.get(key)
    )


def to_data(structure: Structure | None) -> Any:
    """A structure as plain dicts and lists, fit for JSON."""
    return None if structure is None else asdict(structure)


def from_data(data: Any) -> Structure | None:
    """The structure that `to_data` gave."""
    if data is None:
        return None
    return Structure(
        columns=tuple(Column(**column) for column in data["columns"]),
        indexes=tuple(
            Index(**{**index, "parts": tuple(IndexPart(**part) for part in index["parts"])})
            for index in data["indexes"]
        ),
        checks=tuple(Check(**check) for check in data["checks"]),
        foreign_keys=tuple(
            ForeignKey(
                **{
                    **key,
                    "columns": tuple(key["columns"]),
                    "references": tuple(key["references"]),
                }
            )
            for key in data["foreign_keys"]
        ),
        options=tuple((name, value) for name, value in data["options"]),
        partitions=data["partitions"],
    )


def title(key: Key) -> str:
    """What an element, or a detail of it, is called."""
    match key:
        case ("order",):
            return "order of columns"
        case ("check", expression, _):
            return f"check {expression}"
        case ("foreign key", columns, table, references):
            return f"foreign key ({columns}) to {table} ({references})"
        case _:
            return " ".join(key)


def _change(expected: object, found: object) -> str:
    if isinstance(expected, Column | Index) and isinstance(found, Column | Index):
        old, new = asdict(found), asdict(expected)
        return ", ".join(
            f"{name} {_show(old[name])}, expected {_show(new[name])}"
            for name in new
            if old.get(name) != new[name]
        )
    return f"{_show(found)}, expected {_show(expected)}"


def _show(value: object) -> str:
    match value:
        case tuple() | list() if value and isinstance(value[0], dict):
            return (
                "(" + ", ".join(str(part["column"] or part["expression"]) for part in value) + ")"
            )
        case tuple() | list():
            return "(" + ", ".join(map(str, value)) + ")"
        case None:
            return "none"
        case _:
            return str(value) or "''"
