"""Marks put in the place of names inside an SQL construct, by which its text is cut into parts.

A construct's text is never searched for a table's name. The table, constraint or index object
in it is called by a random word while it is compiled, and the text is cut at those words: a
column, a literal or a comment that looks like the table's name stays as it is.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from contextlib import ExitStack
from secrets import token_hex
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Dialect
from sqlalchemy.sql.elements import conv

from shardctl.clause import Part

_NO_VALUES: Mapping[str, Any] = {}


def marking(dialect: Dialect) -> Any:
    """A twin of a dialect whose text can be read back without doubt: `%%`, `%(name)s`, marks.

    The driver's own style does not serve: a `?` of SQLite may stand in a literal. The twin is
    for compiling alone; it knows the server's version and flavour as the original does.
    """
    twin: Any = copy.copy(dialect)
    twin.paramstyle, twin.positional = "pyformat", False
    # Literals are rendered by functions kept here, made for the dialect's own style.
    twin.__dict__.pop("_type_memos", None)
    preparer: Any = copy.copy(dialect.identifier_preparer)
    preparer.dialect, preparer._double_percents, preparer._strings = twin, True, {}
    types = copy.copy(twin.type_compiler_instance)
    types.dialect = twin
    twin.identifier_preparer = preparer
    twin.type_compiler_instance = twin.type_compiler = types
    return twin


def plain(text: str) -> str:
    """Text that a marking dialect compiled, as the server is to get it."""
    return text.replace("%%", "%")


class Marks:
    """The marks of one construct; what was called by them has its own name again at the end."""

    def __init__(self, dialect: Any) -> None:
        """`dialect` is a marking one."""
        self._quote = dialect.identifier_preparer.quote_identifier
        self._marks: dict[Part, str] = {}
        self._restored = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restored.close()

    def replace(self, item: Any, attribute: str, value: object) -> None:
        """Give an object another attribute as long as the construct is compiled."""
        self._restored.callback(setattr, item, attribute, getattr(item, attribute))
        setattr(item, attribute, value)

    def put(self, item: Any, part: Part, attribute: str = "name") -> None:
        """Call an object by a mark that will become this part. The mark is always quoted."""
        mark = self._marks.setdefault(part, f"shardctl{token_hex(16)}")
        self.replace(item, attribute, conv(mark, quote=True))

    def parts(self, text: str, values: Mapping[str, Part] = _NO_VALUES) -> tuple[Part, ...]:
        """Compiled text, cut at its marks and at the places of its bound values.

        Args:
            text: as a marking dialect gave it.
            values: by bound name, the part that stands for the value.
        """
        by_text = {self._quote(mark): part for part, mark in self._marks.items()}
        pattern = "|".join([r"%%", r"%\([^)]*\)s", *map(re.escape, by_text)])
        parts: list[Part] = [""]
        at = 0
        for match in re.finditer(pattern, text):
            found = match[0]
            bound = values.get(found[2:-2]) if found.startswith("%(") else None
            _append(parts, text[at : match.start()])
            _append(parts, bound or by_text.get(found) or found.replace("%%", "%"))
            at = match.end()
        _append(parts, text[at:])
        for mark in self._marks.values():
            if any(isinstance(part, str) and mark in part for part in parts):
                raise AssertionError(f"a mark was compiled into another name: {text}")
        return trimmed(parts)


def _append(parts: list[Part], part: Part) -> None:
    if isinstance(part, str) and isinstance(parts[-1], str):
        parts[-1] += part
    else:
        parts += [part] if isinstance(part, str) else [part, ""]


def trimmed(parts: list[Part]) -> tuple[Part, ...]:
    """Parts without blank space around the whole, and without empty ones."""
    if parts and isinstance(parts[0], str):
        parts[0] = parts[0].lstrip()
    if parts and isinstance(parts[-1], str):
        parts[-1] = parts[-1].rstrip()
    return tuple(part for part in parts if part != "")
