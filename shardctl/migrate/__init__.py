"""From an Alembic revision to every month; Alembic is used nowhere else."""

from __future__ import annotations
