"""What is shipped: the wheel as `pip` gets it, and what importing the library costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import shardctl

CHECKOUT = Path(__file__).parents[2]


def python(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """The wheel, built from the sdist and from nothing else."""
    folder = tmp_path_factory.mktemp("dist")
    python(
        "-m", "hatchling", "build", "--target", "sdist", "--directory", str(folder), cwd=CHECKOUT
    )
    with tarfile.open(next(folder.glob("*.tar.gz"))) as sdist:
        sdist.extractall(folder, filter="data")
    unpacked = next(path for path in folder.iterdir() if path.is_dir())
    python(
        "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder), cwd=unpacked
    )
    return zipfile.Path(next(folder.glob("*.whl")))


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_the_package_with_the_templates_in_it(wheel: zipfile.Path) -> None:
    with zipfile.ZipFile(wheel.root.filename) as archive:
        shipped = {
            name.removeprefix("shardctl/"): archive.read(name)
            for name in archive.namelist()
            if name.startswith("shardctl/")
        }
    templates = files(CHECKOUT / "templates")
    assert templates
    assert "py.typed" in shipped
    assert shipped == files(CHECKOUT / "shardctl") | {
        f"templates/{name}": content for name, content in templates.items()
    }


def test_version_is_the_same_in_the_package_and_in_its_metadata() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == shardctl.__version__


@pytest.mark.parametrize(
    "statement",
    [
        "import shardctl",
        "from shardctl import DigitsGene, Family, Minter, Month, ShardctlError, Suffix, load",
    ],
)
def test_the_library_needs_the_standard_library_only(statement: str) -> None:
    script = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "for name in set(sys.modules) - before:\n"
        "    if 'site-packages' in (getattr(sys.modules[name], '__file__', None) or ''):\n"
        "        print(name)\n"
    )
    assert python("-c", script, cwd=CHECKOUT) == ""


def test_every_public_name_is_there() -> None:
    for name in shardctl.__all__:
        assert getattr(shardctl, name).__name__ == name


IMPORTED_FIRST = """
import importlib, json, os, sys
import alembic.command, rich.progress, sqlalchemy.orm, sqlglot, typer, unicodedata
import sqlalchemy.dialects.mysql.pymysql, sqlalchemy.dialects.sqlite.pysqlite
# What others wrote is there already, and what is compiled is compiled once.
sys.pycache_prefix, sys.dont_write_bytecode = os.getcwd(), False
for layer in json.loads(sys.argv[1]):
    there = set(sys.modules)
    for module in layer:
        importlib.import_module(module)
        for name in set(sys.modules) - there:
            if name.startswith("shardctl."):  # as if nothing of the layer had been loaded
                del sys.modules[name]
                package, _, own = name.rpartition(".")
                if package in there:
                    delattr(sys.modules[package], own)
    for module in layer:
        importlib.import_module(module)
"""


def test_every_module_can_be_imported_first(tmp_path: Path) -> None:
    """Each before all others of its layer: a cycle shows only where it is entered at its weak end.

    The layers below are there already. They import none above, as the import contract has it.
    """
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]
    names = [re.findall(r"\w+", line) for line in contracts["contracts"][0]["layers"]]
    layers: list[list[str]] = [[], *([] for _ in names)]
    for path in (CHECKOUT / "shardctl").rglob("*.py"):
        parts = path.relative_to(CHECKOUT).with_suffix("").parts
        if parts[-1] == "__main__":
            continue
        module = ".".join(parts).removesuffix(".__init__")
        height = 0  # shardctl itself, which loads nothing
        if len(parts) > 2 or parts[-1] != "__init__":
            (height,) = (len(names) - n for n, layer in enumerate(names) if parts[1] in layer)
        layers[height].append(module)
    python("-c", IMPORTED_FIRST, json.dumps(layers), cwd=tmp_path)
