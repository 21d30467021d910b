"""What a revision brings about, tried on empty copies of the tables before anything is touched."""

from __future__ import annotations
