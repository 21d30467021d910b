"""What a revision will do to every table, told beforehand."""

from __future__ import annotations
