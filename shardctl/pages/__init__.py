"""Rows that lie in many months, a page of them or all: `page` and `scan`."""

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
from shardctl.pages.scan import Scan, scan

__all__ = [
    "ColumnMissing",
    "CursorMonthGone",
    "CursorOfOtherQuery",
    "CursorRefused",
    "CursorTampered",
    "Page",
    "QueryRefused",
    "Scan",
    "page",
    "scan",
]
