"""Rebuilds of big tables by tools that copy them while they are in use."""

from __future__ import annotations
