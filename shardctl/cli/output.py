"""Results as text and as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from shardctl.month import Month
from shardctl.structure import Difference


def echo(text: str) -> None:
    """Print; that the reader of a pipe has seen enough (`| head`) ends no upgrade under way."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def as_json(value: object, *, indent: int | None = 2) -> str:
    """A result as JSON: values become objects, a month `"2026-02"`, an instant ISO 8601."""
    return json.dumps(_plain(value), ensure_ascii=False, indent=indent)


def _plain(value: object) -> Any:
    match value:
        case Month() | Path():
            return str(value)
        case datetime():
            return value.isoformat()
        case Difference():
            sides = {"expected": _plain(value.expected), "found": _plain(value.found)}
            return {"what": list(value.key), "text": str(value), **sides}
        case Mapping():
            return {str(key): _plain(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(each) for each in value]
        case _ if is_dataclass(value):
            return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns; drawn with lines on a terminal, padded with blanks elsewhere."""
    if sys.stdout.isatty():
        return _drawn(header, rows)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    )


def _drawn(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*header)
    for row in rows:
        drawn.add_row(*map(Text, row))
    console = Console()
    with console.capture() as captured:
        console.print(drawn)
    return captured.get().rstrip("\n")


def count(number: int, noun: str) -> str:
    """`1 month`, `4 months`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def estimate(rows: int | None) -> str:
    """A number of rows that the server estimates; `-` where it has none."""
    return "-" if rows is None else f"~{rows:,}"


def size(number: int | None) -> str:
    """A number of bytes as people read it; `-` where there is none."""
    if number is None:
        return "-"
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
