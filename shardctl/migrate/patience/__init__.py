"""How a run holds back for the sake of those who use the tables meanwhile."""

from __future__ import annotations
