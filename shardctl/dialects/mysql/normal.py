"""One spelling for what the servers' information_schema spells in several ways.

Whatever two equal tables of one server can show differently is made the same here: by whom and
how a table was made (the client's charset, `DEFAULT (0)`), and what versions print otherwise
(display widths). Nothing here makes MySQL and MariaDB comparable with each other.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, InvalidOperation

from shardctl.dialects.mysql.server import Server

_WIDTH = re.compile(r"^(?!tinyint\(1\)$)((?:tiny|small|medium|big)?int|year)\([0-9]+\)")
_OPTION = re.compile(r"""`?(\w+)`?=("[^"]*"|'(?:[^']|'')*'|`[^`]*`|\S*)""")
_ON_UPDATE = re.compile(r"on update (\w+(?:\([0-6]?\))?)", re.IGNORECASE)
_NOW = re.compile(r"(?:now|current_timestamp)(?:\(([0-6]?)\))?", re.IGNORECASE)

_PIECE = re.compile(
    r"(?P<name>`(?:[^`]|``)*`)|(?:\b_(?P<charset>\w+) ?)?'(?P<value>(?:[^'\\]|\\.|'')*)'", re.DOTALL
)
_NUMBER = re.compile(r"-?[0-9.]+(?:e[-+]?[0-9]+)?|-\([0-9.]+\)", re.IGNORECASE)
_BITS = re.compile(r"b'([01]*)'|0x([0-9a-f]+)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)|''", re.DOTALL)
_ESCAPES = {"0": "\0", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a", "%": "\\%", "_": "\\_"}
_UNPRINTABLE = {ord(c): f"\\{e}" for e, c in _ESCAPES.items() if e in "0nrZ"}

# What MySQL calls latin1 is Windows' code page 1252, the five bytes without a character kept.
_LATIN1 = {ord(bytes([byte]).decode("cp1252", "replace")): byte for byte in range(0x80, 0xA0)}
_LATIN1.pop(0xFFFD)
_CODECS = {
    **dict.fromkeys(("utf8", "utf8mb3", "utf8mb4"), "utf-8"),
    **{name: name for name in ("ascii", "gbk", "gb2312", "gb18030", "big5", "sjis", "cp932")},
    "ujis": "euc_jp",
    "euckr": "euc_kr",
    "latin2": "iso8859_2",
    "cp1251": "cp1251",
}


def column_type(text: str) -> str:
    """A column's type without the display width of an integer, which means nothing.

    It stays on ZEROFILL, where values are shown by it, and on `tinyint(1)`, which drivers read
    as a boolean.
    """
    return text if "zerofill" in text else _WIDTH.sub(r"\1", text, count=1)


def options(text: str) -> dict[str, str]:
    """What CREATE_OPTIONS holds, keys in lower case.

    ROW_FORMAT is left out, as the effective one has a column of its own, and what is a state and
    no wish: `partitioned`, SECONDARY_LOAD.
    """
    found = {name.lower(): value.strip("\"'`") for name, value in _OPTION.findall(text)}
    return {
        name: found[name]
        for name in sorted(found)
        if name not in ("row_format", "secondary_load", "auto_increment")
    }


def action(rule: str) -> str:
    """A foreign key's rule: RESTRICT and NO ACTION are the same to InnoDB."""
    return "NO ACTION" if rule == "RESTRICT" else rule


def on_update(extra: str) -> str | None:
    """A column's ON UPDATE from EXTRA."""
    found = _ON_UPDATE.search(extra)
    return _now(found[1]) if found else None


def extra(text: str, srid: int | None) -> str:
    """What EXTRA holds beside what a `Column` has fields for, and the SRID."""
    rest = _ON_UPDATE.sub("", text)
    for known in ("DEFAULT_GENERATED", "VIRTUAL GENERATED", "STORED GENERATED", "auto_increment"):
        rest = rest.replace(known, "")
    words = rest.replace("INVISIBLE", "").replace(",", " ").split()
    return " ".join([*words, *([] if srid is None else [f"SRID {srid}"])])


def expression(text: str, server: Server) -> str:
    """An expression (of a CHECK, a generated column, a default, an index part).

    String literals lose the introducer that says in which charset the client wrote them
    (`_utf8mb4'z'`, `_latin1'z'`), and all have one spelling. MySQL escapes the whole expression
    once more, and shows the bytes of all that is no ASCII as if they were latin1.
    """
    if server.is_mariadb:
        return _PIECE.sub(_as_shown, text)
    return _PIECE.sub(_from_latin1, _unescaped(text))


def default(text: str | None, kind: str, *, computed: bool, server: Server) -> str | None:
    """A column's default as SQL, None where there is none or NULL.

    A literal in parentheses is the literal.

    Args:
        text: COLUMN_DEFAULT.
        kind: the column's type.
        computed: whether `text` is an expression, which MySQL says in EXTRA (DEFAULT_GENERATED);
            on MariaDB it always is SQL.
    """
    if text is None:
        return None
    if not (computed or server.is_mariadb):
        return _literal(text, kind)
    sql = expression(text, server)
    if sql.upper() == "NULL":
        return None
    if kind.startswith(("timestamp", "datetime")) and (now := _now(sql)):
        return now
    value = sql if kind.startswith("bit") and _BITS.fullmatch(sql) else _value(sql)
    only_expressions = kind.startswith(("json", "geom")) or "text" in kind or "blob" in kind
    if value is None or (only_expressions and not server.is_mariadb):
        return f"({sql})"
    return _literal(value, kind)


def _literal(value: str, kind: str) -> str:
    """A literal of a column's type, in quotes (as MySQL shows numbers too)."""
    if kind.startswith("bit"):
        bits = _BITS.fullmatch(value)
        number = int(bits[1] or bits[2], 2 if bits[1] else 16) if bits else int(value)
        return f"b'{number:b}'"
    numeric = re.match(r"(?:\w*int|decimal|float|double)\b", kind)
    return _quoted(_number(value, kind) if numeric else value)


def _number(value: str, kind: str) -> str:
    scale = re.match(r"decimal\([0-9]+,([0-9]+)\)", kind)
    exponent = -int(scale[1]) if scale else 0
    exact = Context(prec=100)
    try:
        number = Decimal(value, exact)
        if kind.startswith(("float", "double")):
            return format(number.normalize(exact), "f")
        return str(number.quantize(Decimal(1).scaleb(exponent), context=exact))
    except InvalidOperation:
        return value


def _value(sql: str) -> str | None:
    """The value of an SQL expression that is a single literal, else None."""
    if sql.lower() in ("true", "false"):
        return "1" if sql.lower() == "true" else "0"
    if _NUMBER.fullmatch(sql):
        return sql.replace("(", "").replace(")", "")
    piece = _PIECE.fullmatch(sql)
    if piece and not piece["name"] and not piece["charset"]:
        return _unescaped(piece["value"])
    return None


def _now(sql: str) -> str | None:
    found = _NOW.fullmatch(sql)
    if not found:
        return None
    return (
        f"CURRENT_TIMESTAMP({found[1]})" if found[1] not in (None, "", "0") else "CURRENT_TIMESTAMP"
    )


def _as_shown(piece: re.Match[str]) -> str:
    if piece["name"]:
        return piece["name"]
    binary = "_binary" if piece["charset"] == "binary" else ""
    return binary + _quoted(_unescaped(piece["value"]))


def _from_latin1(piece: re.Match[str]) -> str:
    """A name or a literal whose bytes MySQL has shown as latin1, in its own characters."""
    charset = piece["charset"] or "utf8mb4"
    if piece["name"]:
        return _decoded(piece["name"], "utf8mb4") or piece["name"]
    value = _unescaped(piece["value"])
    known = value if value.isascii() and charset != "binary" else _decoded(value, charset)
    return f"_{charset}{_quoted(value)}" if known is None else _quoted(known)


def _decoded(shown: str, charset: str) -> str | None:
    if charset == "latin1":
        return shown
    try:
        raw = shown.translate(_LATIN1).encode("latin-1")
        return raw.decode(_CODECS[charset])
    except UnicodeEncodeError:
        return shown  # a server that shows it as it is
    except (KeyError, UnicodeDecodeError):
        return None


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]) if found[1] else "'", text)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''").translate(_UNPRINTABLE)
    return f"'{escaped}'"
