from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import shardctl
from shardctl.config import load
from shardctl.errors import ConfigError
from shardctl.lifecycle.scaffold import init

CHECKOUT = Path(__file__).parents[2]
FILES = ["alembic.ini", "migrations/env.py", "migrations/script.py.mako", "shardctl.toml"]


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_init_writes_a_configuration_that_loads(tmp_path: Path) -> None:
    folder = tmp_path / "orders"
    written = init(folder, url="sqlite:///orders.db", timezone="Asia/Shanghai")
    assert sorted(path.relative_to(folder).as_posix() for path in written) == FILES
    config = load(folder / "shardctl.toml")
    assert config.timezone == "Asia/Shanghai"
    assert config.url == f"sqlite:///{folder}/orders.db"
    assert config.migrations == folder / "migrations"
    assert not config.families


def test_by_default_the_url_comes_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "sqlite:////orders.db")
    assert load(tmp_path / "shardctl.toml").url == "sqlite:////orders.db"


def test_init_again_changes_nothing(tmp_path: Path) -> None:
    init(tmp_path, timezone="Asia/Shanghai")
    before = files(tmp_path)
    assert init(tmp_path, timezone="UTC") == ()
    assert files(tmp_path) == before


def test_what_is_there_stays_and_what_is_absent_comes(tmp_path: Path) -> None:
    (tmp_path / "alembic.ini").write_text("[alembic]\n")
    written = init(tmp_path)
    assert (tmp_path / "alembic.ini").read_text() == "[alembic]\n"
    assert sorted(path.relative_to(tmp_path).as_posix() for path in written) == FILES[1:]


def test_a_configuration_in_pyproject_is_not_hidden_by_a_second_one(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.shardctl]\ntimezone = "UTC"\n')
    init(tmp_path)
    assert not (tmp_path / "shardctl.toml").exists()


def test_a_wrong_time_zone_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'shardctl\.timezone = "Mars"; allowed: an IANA name'):
        init(tmp_path / "orders", timezone="Mars")
    assert not (tmp_path / "orders").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "orders").write_text("")
    with pytest.raises(ConfigError, match=r"orders.* cannot be written: Not a directory"):
        init(tmp_path / "orders")


def test_the_commented_family_is_right_once_it_is_uncommented(tmp_path: Path) -> None:
    init(tmp_path)
    file = tmp_path / "shardctl.toml"
    text = file.read_text()
    head, _, family = text.partition("# [families.t_order]")
    lines = [line.removeprefix("# ") for line in family.splitlines() if " = " in line]
    file.write_text(head + "[families.t_order]\n" + "\n".join(lines))
    order = load(file).families["t_order"]
    assert (order.key, order.length, order.premake) == (("order_id",), (28,), 4)


def test_an_installed_wheel_writes_the_same_as_the_checkout(tmp_path: Path) -> None:
    """In a wheel the templates lie within the package; the test of packaging says that they do."""
    site = tmp_path / "site"
    shutil.copytree(CHECKOUT / "shardctl", site / "shardctl")
    shutil.copytree(CHECKOUT / "templates", site / "shardctl" / "templates")
    program = (
        "import sys, shardctl\n"
        "from shardctl.lifecycle.scaffold import init\n"
        "init(sys.argv[1])\n"
        "print(shardctl.__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "installed")],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == str(site / "shardctl" / "__init__.py")
    assert not (Path(shardctl.__file__).parent / "templates").exists()
    init(tmp_path / "checkout")
    assert files(tmp_path / "installed") == files(tmp_path / "checkout") != {}
