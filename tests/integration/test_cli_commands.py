"""What the commands print and how they end; on SQLite, as the server makes no difference here."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shardctl.cli import main
from shardctl.month import Month

TABLE = "CREATE TABLE {} (order_id varchar(128) NOT NULL PRIMARY KEY, coin int NOT NULL DEFAULT 0)"
NOW = Month.of(datetime.now(UTC), UTC)


@dataclass(frozen=True)
class Shop:
    """A project in the current folder, with months of `t_order` up to the present one."""

    folder: Path
    run: Callable[..., tuple[int, str]]

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.folder / "orders.db")) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def tables(self) -> set[str]:
        with closing(sqlite3.connect(self.folder / "orders.db")) as connection:
            return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}

    def revision(self, operation: str) -> str:
        """A revision that does one operation; its id."""
        code, out = self.run("revision", "-m", "add room_id")
        assert code == 0
        file = Path(out.splitlines()[-1].removeprefix("wrote "))
        file.write_text(file.read_text().replace("pass", operation, 1))
        return file.name.partition("_")[0]


@pytest.fixture
def shop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shop:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        out, err = capsys.readouterr()
        assert err == "" or caught.value.code
        assert isinstance(caught.value.code, int)
        return caught.value.code, out + err

    made = Shop(tmp_path, run)
    assert run("init", "--url", "sqlite:///orders.db") == (
        0,
        "wrote shardctl.toml\nwrote alembic.ini\n"
        "wrote migrations/env.py\nwrote migrations/script.py.mako\n",
    )
    with (tmp_path / "shardctl.toml").open("a") as file:
        file.write("\n[families.t_order]\npremake = 2\n")
    names = ["t_order", *(f"t_order_{NOW + step:%Y%m}" for step in (-2, -1, 0))]
    made.sql(*(TABLE.format(name) for name in names))
    return made


def test_init_again_says_that_all_is_there(shop: Shop) -> None:
    assert shop.run("init") == (0, "nothing to do: everything is there already\n")


def test_adopt_tells_what_differs_what_is_left_out_and_what_it_wrote(shop: Shop) -> None:
    shop.sql(
        *(TABLE.format(name) for name in ("t_user_202002", "t_user_202003", "t_user_202013")),
        "ALTER TABLE t_user_202003 ADD COLUMN room_id INTEGER",
    )
    code, out = shop.run("adopt", "t_user", "--from", "2020-02")
    lines = out.splitlines()
    assert (code, "t_user" in shop.tables()) == (0, True)
    assert "t_user: 2 months, template t_user" in lines
    assert "  t_user_202003: column room_id extra" in lines
    assert any(line.startswith("  left out: t_user_202013 (") for line in lines)
    assert f"wrote {shop.folder / 'shardctl.toml'}" in lines
    [revision] = [line.split()[-1] for line in lines if line.startswith("baseline revision ")]
    assert any(line.startswith("wrote ") and revision in line for line in lines)

    code, out = shop.run("adopt", "t_user", "--json")
    again = json.loads(out)
    assert (code, again["revision"], again["files"]) == (0, revision, [])
    assert [month["month"] for month in again["months"]] == ["2020-02", "2020-03"]


def test_the_way_of_a_revision(shop: Shop) -> None:
    revision = shop.revision('op.add_column("t_order", sa.Column("room_id", sa.Integer()))')
    months = [f"t_order_{NOW + step:%Y%m}" for step in (-2, -1, 0)]
    shop.sql(f"ALTER TABLE {months[1]} ADD COLUMN room_id INTEGER")

    code, out = shop.run("upgrade", "--dry-run", "--json")
    [planned] = json.loads(out)["revisions"]
    [clause] = planned["clauses"]
    assert (code, planned["revision"], planned["title"]) == (0, revision, "add room_id")
    assert "room_id" in clause
    found = {share["table"] for share in planned["tables"] if share["found"]}
    pending = {share["table"] for share in planned["tables"] if share["steps"]}
    assert (pending, found) == ({"t_order", months[0], months[2]}, {months[1]})
    assert "alembic_version" not in shop.tables()

    code, out = shop.run("upgrade")
    assert code == 0
    assert f"  {months[1]} (1): already so\n" in out
    assert out.endswith("1 revision: 3 changes made on 3 tables, 1 found there already\n")
    assert shop.run("upgrade") == (0, "nothing to do\n")
    assert shop.run("upgrade", "--dry-run") == (0, "nothing to do\n")
    assert shop.run("current") == (0, f"{revision} (head)\n")
    assert shop.run("current", "--json") == (0, json.dumps([f"{revision} (head)"], indent=2) + "\n")
    assert revision in shop.run("history")[1]


def test_upgrade_tells_machines_line_by_line(shop: Shop) -> None:
    shop.revision('op.add_column("t_order", sa.Column("room_id", sa.Integer()))')
    code, out = shop.run("upgrade", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [event["event"] for event in events][:2] == ["started", "step"]
    assert {event["table"] for event in events if event["event"] == "table done"} >= {"t_order"}
    assert events[-1] == {
        **{"event": "result", "revisions": 1, "changes": 4, "tables": 4},
        **{"found": 0, "waiting": 0},
    }


def test_what_loses_data_wants_a_word(shop: Shop) -> None:
    shop.revision('op.drop_column("t_order", "coin")')
    code, out = shop.run("upgrade")
    assert code == 3
    assert "--allow-destructive" in out
    assert shop.run("upgrade", "--allow-destructive", "--quiet") == (0, "")


def test_premake_makes_what_is_missing_and_says_so_once_only(shop: Shop) -> None:
    code, out = shop.run("premake")
    assert code == 0
    for step in (1, 2):
        assert f"t_order_{NOW + step:%Y%m}: made\n" in out
        assert f"t_order_{NOW + step:%Y%m}" in shop.tables()
    code, out = shop.run("premake")
    assert (code, out.splitlines()[-1]) == (0, "nothing to do")
    code, out = shop.run("premake", "t_order", "--months", "3", "--json")
    made = [each for each in json.loads(out) if each["made"]]
    assert [each["month"] for each in made] == [str(NOW + 3)]
    assert shop.run("premake", "--quiet", "--months", "4") == (0, "")


def test_status_shows_a_row_a_month_and_the_runway(shop: Shop) -> None:
    shop.sql(
        f"ALTER TABLE t_order_{NOW + -1:%Y%m} ADD COLUMN extra INTEGER",
        f"DROP TABLE t_order_{NOW + -2:%Y%m}",
        TABLE.format(f"t_order_{NOW + -3:%Y%m}"),
        TABLE.format("t_order_202613"),
    )
    code, out = shop.run("status")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "t_order: template t_order, revision none"
    assert lines[1].split() == ["month", "table", "revision", "rows", "size", "structure"]
    states = {line.split()[1]: line.rpartition("  ")[2] for line in lines[2:5]}
    assert states == {
        f"t_order_{NOW + -3:%Y%m}": "equal",
        f"t_order_{NOW + -1:%Y%m}": "drifted (1)",
        f"t_order_{NOW:%Y%m}": "equal",
    }
    assert f"t_order_{NOW + -1:%Y%m}: column extra extra" in lines
    assert f"missing: {NOW + -2}" in lines
    assert any(line.startswith("left out: t_order_202613 (") for line in lines)
    assert lines[-1] == f"runway: 1 month, {NOW + 1} is the first that is missing"


def test_status_for_machines(shop: Shop) -> None:
    code, out = shop.run("status", "t_order", "--json")
    family: dict[str, Any]
    [family] = json.loads(out)
    assert (code, family["runway_months"]) == (0, 1)
    assert [month["month"] for month in family["months"]] == [str(NOW + s) for s in (-2, -1, 0)]


def test_check_ends_with_one_until_all_is_well(shop: Shop) -> None:
    code, out = shop.run("check")
    assert (code, out.count("\n")) == (1, 1)
    assert out.startswith("t_order: the runway is short: ")
    code, out = shop.run("check", "--json")
    assert (code, json.loads(out)[0]["family"]) == (1, "t_order")
    assert shop.run("check", "--quiet") == (1, "")
    assert shop.run("premake", "--quiet") == (0, "")
    assert shop.run("check") == (0, "all is well\n")
    assert shop.run("check", "--json") == (0, "[]\n")
