"""What a family lives through: adopted, premade, looked after."""

from __future__ import annotations
