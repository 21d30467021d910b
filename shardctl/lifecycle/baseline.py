"""The baseline revision: the file by which an empty database gets an adopted family's template."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from shardctl.errors import ConfigError

_FILE = '''\
"""adopt {family}

Makes the template. Where the family was adopted it is there already: the revision was stamped.

Revision ID: {revision}
Revises: {revises}

"""
from collections.abc import Sequence

from alembic import op

# revision identifiers, used by Alembic.
revision: str = {revision!r}
down_revision: str | Sequence[str] | None = {down!r}
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Make the template; months are made from it by 'shardctl premake'."""
{statements}


def downgrade() -> None:
    """Nothing: the family was there before shardctl, and its months hold rows."""
'''

_DOWN = re.compile(r"^down_revision\b[^=\n]*=\s*(?P<value>.+)$", re.MULTILINE)

# What SQLAlchemy's text() would take for a bound value, and an escape that it would take off:
# https://docs.sqlalchemy.org/en/20/core/sqlelement.html#sqlalchemy.sql.expression.text
_BOUND = re.compile(r"(?:\\:[\w$]*|(?<![:\w$\\]):[\w$]+)(?![:\w$])")


def revision_id(family: str) -> str:
    """The id of a family's baseline: always the same, so that adopting can be taken up again."""
    return hashlib.sha256(f"adopt {family}".encode()).hexdigest()[:12]


def path_of(migrations: Path, family: str) -> Path:
    """Where the file of a family's baseline belongs."""
    slug = re.sub(r"\W+", "_", family).strip("_")
    return migrations / "versions" / f"{revision_id(family)}_adopt_{slug}.py"


def text_of(family: str, down: tuple[str, ...], statements: Iterable[str]) -> str:
    """The text of the file.

    Args:
        down: the revisions that it follows; none for the first.
        statements: the SQL that makes the template under the family's name.
    """
    return _FILE.format(
        family=re.sub(r'["\\]', "?", family),
        revision=revision_id(family),
        revises=", ".join(down),
        down=(down[0] if len(down) == 1 else down) if down else None,
        statements="\n".join(map(_executed, statements)),
    )


def down_of(file: Path) -> tuple[str, ...]:
    """The revisions that a file follows.

    Raises:
        ConfigError: the file does not say.
    """
    found = _DOWN.search(file.read_text(encoding="utf-8"))
    try:
        value = ast.literal_eval(found["value"]) if found else ()
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{file}: its down_revision cannot be read") from error
    return (value,) if isinstance(value, str) else tuple(value or ())


def write(file: Path, text: str) -> None:
    """Write the file, wholly or not at all.

    Raises:
        ConfigError: it cannot be written.
    """
    beside = file.with_suffix(".tmp")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(file)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}") from error


def _executed(sql: str) -> str:
    """`op.execute` of exactly this SQL, a literal a line: no text can end one."""
    lines = _BOUND.sub(r"\\\g<0>", sql).splitlines(keepends=True)
    return "\n".join(["    op.execute(", *(f"        {line!r}" for line in lines), "    )"])
