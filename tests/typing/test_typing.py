"""The public API as mypy shows it to a user: what is right passes, each mistake is found."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOUND = re.compile(r"^(\S+\.py):(\d+): error: .*(\[[a-z-]+\])$", re.MULTILINE)
EXPECTED = re.compile(r"# E: (\[[a-z-]+\])$")
FILES = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))


@pytest.fixture(scope="module")
def found() -> set[tuple[str, int, str]]:
    """What mypy says about all the files in one run; it keeps what it knows of SQLAlchemy."""
    command = [sys.executable, "-m", "mypy", "--strict", "--show-error-codes", *map(str, FILES)]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert not done.stderr
    errors = FOUND.findall(done.stdout)
    assert len(errors) == done.stdout.count(": error: ")
    return {(Path(path).name, int(line), code) for path, line, code in errors}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_mypy_finds_the_mistakes_that_the_file_marks_and_no_others(
    path: Path, found: set[tuple[str, int, str]]
) -> None:
    marked = {
        (path.name, number, match[1])
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (match := EXPECTED.search(line))
    }
    assert {error for error in found if error[0] == path.name} == marked
