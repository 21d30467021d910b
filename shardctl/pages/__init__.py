"""Pages of rows that lie in many months: `page`."""

from __future__ import annotations

from shardctl.errors import (
    ColumnMissing,
    CursorMonthGone,
    CursorOfOtherQuery,
    CursorRefused,
    CursorTampered,
    QueryRefused,
)
from shardctl.pages.page import Page, page

__all__ = [
    "ColumnMissing",
    "CursorMonthGone",
    "CursorOfOtherQuery",
    "CursorRefused",
    "CursorTampered",
    "Page",
    "QueryRefused",
    "page",
]
