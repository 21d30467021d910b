"""A revision on its way through the tables."""

from __future__ import annotations
