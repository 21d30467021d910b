from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from shardctl.config import append_family, load
from shardctl.errors import ConfigError, UnknownFamily
from shardctl.family import Scheme, Tag
from shardctl.gene import TWITTER, DigitsGene, TimestampGene
from shardctl.month import Month
from shardctl.suffix import Suffix

FULL = """\
# orders, since 2020
[shardctl]
url = "mysql+pymysql://app:${ORDERS_PASSWORD}@db.example/orders"
migrations = "db/migrations"
timezone = "Asia/Shanghai"

[families.t_order]
key = ["business", "order_id"]
time = { column = "create_time", unit = "ms" }
gene = "digits 0 %Y%m%d"
length = [28, 32]
first = "202001"
suffix = "_%Y-%m"
template = "t_order_template"
skew = "500ms"
premake = 6
"""

MINIMAL = '[shardctl]\ntimezone = "UTC"\n'


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SHARDCTL_CONFIG", "SHARDCTL_URL", "SHARDCTL_MIGRATIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def write(folder: Path, text: str, name: str = "shardctl.toml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_every_key_is_read(tmp_path: Path) -> None:
    config = load(write(tmp_path, FULL))
    order = config.families["t_order"]
    assert config.timezone == order.timezone == "Asia/Shanghai"
    assert config.migrations == tmp_path / "db" / "migrations"
    assert order.key == ("business", "order_id")
    assert (order.time, order.time_unit) == ("create_time", "ms")
    assert order.gene == DigitsGene(0, "%Y%m%d")
    assert order.length == (28, 32)
    assert order.first == Month(2020, 1)
    assert order.suffix == Suffix("_%Y-%m")
    assert order.template == "t_order_template"
    assert order.skew == timedelta(milliseconds=500)
    assert order.premake == 6


def test_a_family_may_leave_everything_to_defaults(tmp_path: Path) -> None:
    order = load(write(tmp_path, MINIMAL + "[families.t_order]\n")).families["t_order"]
    assert (order.template, order.suffix, order.gene) == ("t_order", Suffix("_%Y%m"), None)
    assert (order.skew, order.premake, order.first) == (timedelta(seconds=5), 4, None)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('key = "order_id"', ("key", ("order_id",))),
        ('time = "create_time"', ("time", "create_time")),
        ('state = "status"', ("state", "status")),
        ('gene = "none"', ("gene", None)),
        ('gene = "snowflake twitter"', ("gene", TWITTER)),
        ('gene = { kind = "timestamp", unit = "s" }', ("gene", TimestampGene("s"))),
        ('gene = "digits 0 %Y%m"\ncheck = "mod97"', ("check", True)),
        (
            'gene = "ulid"\ntag = { variable = "ORDER_KEY" }',
            ("tag", Tag("ORDER_KEY", form="hex")),
        ),
        ("length = 28", ("length", (28,))),
        ('skew = "5s"', ("skew", timedelta(seconds=5))),
        ('skew = "1m"', ("skew", timedelta(minutes=1))),
        ('first = "2020-01"', ("first", Month(2020, 1))),
    ],
)
def test_short_forms(tmp_path: Path, text: str, meant: tuple[str, object]) -> None:
    config = load(write(tmp_path, f"{MINIMAL}[families.t_order]\n{text}\n"))
    assert getattr(config.families["t_order"], meant[0]) == meant[1]


WRONG_VALUES = [
    ("shardctl", 'timezone = "Mars/Olympus"', "timezone", '"Mars/Olympus"', "IANA name"),
    ("shardctl", 'timezone = "Asia"', "timezone", '"Asia"', "IANA name"),
    ("shardctl", "timezone = 8", "timezone", "8", "IANA name"),
    ("shardctl", "migrations = 5", "migrations", "5", "a folder"),
    ("families.t_order", 'key = ["a", 5]', "key", '["a", 5]', "a list of columns"),
    ("families.t_order", 'key = ""', "key", '""', "a column"),
    ("families.t_order", "key = []", "key", "[]", "a column"),
    ("families.t_order", "time = 5", "time", "5", 'unit "s" or "ms"'),
    (
        "families.t_order",
        'time = { column = "t", unit = "us" }',
        "time",
        '{"column": "t", "unit": "us"}',
        'unit "s" or "ms"',
    ),
    ("families.t_order", 'time = { column = "t" }', "time", '{"column": "t"}', "unit"),
    ("families.t_order", 'gene = "digits %Y"', "gene", '"digits %Y"', "digits 0 %Y%m%d"),
    ("families.t_order", 'gene = "digits 0 %Y%d"', "gene", '"digits 0 %Y%d"', '"none"'),
    ("families.t_order", "gene = 5", "gene", "5", '"none"'),
    ("families.t_order", 'gene = { kind = "uuid" }', "gene", '{"kind": "uuid"}', "a table such as"),
    ("families.t_order", 'check = "luhn"', "check", '"luhn"', '"mod97"'),
    ("families.t_order", 'tag = "secret"', "tag", '"secret"', "variable = "),
    ("families.t_order", 'tag = { key = "k" }', "tag", '{"key": "k"}', "variable = "),
    ("families.t_order", "genes = 5", "genes", "5", "[[genes]]"),
    ("families.t_order", "length = 0", "length", "0", "from 1 to"),
    ("families.t_order", "length = [28, true]", "length", "[28, true]", "a list of them"),
    ("families.t_order", 'first = "202013"', "first", '"202013"', '"202001"'),
    ("families.t_order", "first = 202001", "first", "202001", '"202001"'),
    ("families.t_order", 'suffix = "_%Y"', "suffix", '"_%Y"', '"_%Y%m"'),
    ("families.t_order", 'suffix = "_%Y%m%d"', "suffix", '"_%Y%m%d"', '"_%Y%m"'),
    ("families.t_order", "template = 5", "template", "5", "the name of a table"),
    (
        "families.t_order",
        'template = "t_order_202001"',
        "template",
        '"t_order_202001"',
        "none of the family's months",
    ),
    ("families.t_order", 'skew = "5 h"', "skew", '"5 h"', '"500ms"'),
    ("families.t_order", "skew = 5", "skew", "5", '"5s"'),
    ("families.t_order", "premake = -1", "premake", "-1", "from 0 to"),
    ("families.t_order", "premake = true", "premake", "true", "from 0 to"),
    ("families.t_order", "premake = 2.5", "premake", "2.5", "from 0 to"),
]


@pytest.mark.parametrize(("table", "line", "key", "value", "allowed"), WRONG_VALUES)
def test_an_error_names_file_key_value_and_what_is_allowed(
    tmp_path: Path, table: str, line: str, key: str, value: str, allowed: str
) -> None:
    head = "" if table == "shardctl" else MINIMAL
    file = write(tmp_path, f"{head}[{table}]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    message = str(caught.value)
    assert message.startswith(f"{file}: {table}.{key} = {value}; allowed: ")
    assert allowed in message.partition("allowed: ")[2]


@pytest.mark.parametrize(
    ("text", "key", "meant"),
    [
        (MINIMAL + "[familys.t_order]\n", "familys", "'families'"),
        (MINIMAL + 'timezones = "UTC"\n', "shardctl.timezones", "'timezone'"),
        (MINIMAL + "[families.t_order]\npremade = 5\n", "families.t_order.premade", "'premake'"),
        (MINIMAL + "[families.t_order]\nsufix = 5\n", "families.t_order.sufix", "'suffix'"),
    ],
)
def test_a_misspelt_key_is_refused_with_what_was_meant(
    tmp_path: Path, text: str, key: str, meant: str
) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError, match=re.escape(f"{file}: unknown key {key} ")) as caught:
        load(file)
    assert f"(did you mean {meant}?); allowed: " in str(caught.value)


def test_a_key_like_no_other_is_refused_with_all_that_are_allowed(tmp_path: Path) -> None:
    file = write(tmp_path, MINIMAL + "[families.t_order]\nx = 1\n")
    with pytest.raises(
        ConfigError, match=r"families\.t_order\.x; allowed: key, time, gene, length"
    ):
        load(file)


def test_the_time_zone_must_be_written_down(tmp_path: Path) -> None:
    file = write(tmp_path, "[shardctl]\n")
    with pytest.raises(ConfigError, match=r"shardctl\.timezone is missing; allowed: an IANA name"):
        load(file)


@pytest.mark.parametrize(
    "families",
    [
        '[families.a]\ntemplate = "b"\n[families.b]\n',
        '[families.t]\nsuffix = "_order_%Y%m"\n[families.t_order]\n',
    ],
)
def test_a_table_may_belong_to_one_family_only(tmp_path: Path, families: str) -> None:
    with pytest.raises(ConfigError, match="each table in one family"):
        load(write(tmp_path, MINIMAL + families))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[shardctl\n", r"is not valid TOML: .*line 1"),
        (b'[shardctl]\ntimezone = "\xff"\n', "is not UTF-8"),
        (b"shardctl = 5\n", r"shardctl = 5; allowed: a table, \[shardctl\]"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "shardctl.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=f"shardctl.toml: {said}"):
        load(file)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "shardctl.toml"
    file.write_text(MINIMAL, encoding="utf-8-sig")
    assert load(file).timezone == "UTC"


# -- where it is found ---------------------------------------------------------------------------


def test_the_nearest_file_upwards_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, '[shardctl]\ntimezone = "UTC"\n')
    near = write(tmp_path / "a", '[shardctl]\ntimezone = "Asia/Tokyo"\n')
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b" / "c")
    config = load()
    assert (config.path, config.timezone) == (near, "Asia/Tokyo")


def test_pyproject_holds_the_same_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '[tool.shardctl]\ntimezone = "UTC"\n[tool.shardctl.families.t_order]\npremake = 2\n'
    file = write(tmp_path, text, "pyproject.toml")
    write(tmp_path / "service", '[project]\nname = "service"\n', "pyproject.toml")
    monkeypatch.chdir(tmp_path / "service")
    config = load()
    assert (config.path, config.families["t_order"].premake) == (file, 2)
    write(tmp_path, text.replace("premake", "premade"), "pyproject.toml")
    with pytest.raises(ConfigError, match=r"tool\.shardctl\.families\.t_order\.premade"):
        load()


def test_no_file_at_all_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no shardctl\.toml in .*shardctl init.*--config"):
        load()
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read: No such file"):
        load(tmp_path / "gone.toml")


def test_the_environment_goes_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "etc", FULL, "orders.toml")
    monkeypatch.setenv("SHARDCTL_CONFIG", str(file))
    monkeypatch.setenv("SHARDCTL_URL", "sqlite:///x.db")
    monkeypatch.setenv("SHARDCTL_MIGRATIONS", "elsewhere")
    config = load()
    assert config.path == file
    assert config.url == f"sqlite:///{tmp_path}/etc/x.db"
    assert config.migrations == tmp_path / "etc" / "elsewhere"
    assert load(url="sqlite:///y.db").url == f"sqlite:///{tmp_path}/etc/y.db"
    monkeypatch.setenv("SHARDCTL_MIGRATIONS", "")
    assert load().migrations == tmp_path / "etc" / "db" / "migrations"


# -- the URL -------------------------------------------------------------------------------------


def test_variables_are_looked_up_when_the_url_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ORDERS_PASSWORD", raising=False)
    config = load(write(tmp_path, FULL))
    with pytest.raises(ConfigError, match=r"shardctl\.url wants .*'ORDERS_PASSWORD', which is not"):
        _ = config.url
    monkeypatch.setenv("ORDERS_PASSWORD", "secret")
    assert config.url == "mysql+pymysql://app:secret@db.example/orders"


def test_a_password_may_hold_what_a_url_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import make_url

    monkeypatch.setenv("ORDERS_PASSWORD", "p@ss:w/rd#%40?")
    url = make_url(load(write(tmp_path, FULL)).url)
    assert (url.password, url.host) == ("p@ss:w/rd#%40?", "db.example")


def test_a_whole_url_comes_out_of_a_variable_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql+pymysql://u:p%40@h:3307/d?charset=utf8mb4")
    config = load(write(tmp_path, MINIMAL + 'url = "${DATABASE_URL}"\n'))
    assert config.url == "mysql+pymysql://u:p%40@h:3307/d?charset=utf8mb4"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sqlite:///orders.db", "sqlite:///{folder}/orders.db"),
        ("sqlite:///data/orders.db?timeout=5", "sqlite:///{folder}/data/orders.db?timeout=5"),
        ("sqlite+pysqlite:///orders.db", "sqlite+pysqlite:///{folder}/orders.db"),
        ("sqlite:////var/orders.db", "sqlite:////var/orders.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///file:orders?uri=true", "sqlite:///file:orders?uri=true"),
    ],
)
def test_a_sqlite_file_lies_beside_the_configuration(
    tmp_path: Path, written: str, meant: str
) -> None:
    config = load(write(tmp_path / "etc", f'{MINIMAL}url = "{written}"\n'))
    assert config.url == meant.format(folder=tmp_path / "etc")


def test_no_url_says_the_three_ways_to_give_one(tmp_path: Path) -> None:
    config = load(write(tmp_path, MINIMAL))
    with pytest.raises(ConfigError, match=r"shardctl\.url is missing; .*SHARDCTL_URL.*--url"):
        _ = config.url


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    config = load(write(tmp_path, MINIMAL + 'url = "mysql+pymysql://u:secret@h/d"\n'))
    assert "secret" not in repr(config)
    file = write(tmp_path, MINIMAL + 'url = ["mysql+pymysql://u:secret@h/d"]\n')
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert "secret" not in str(caught.value)


# -- families ------------------------------------------------------------------------------------


def test_an_unknown_family_says_which_are_known(tmp_path: Path) -> None:
    config = load(write(tmp_path, MINIMAL + "[families.t_order]\n[families.t_user]\n"))
    with pytest.raises(UnknownFamily, match=r"'t_orders' \(did you mean 't_order'\?\)") as caught:
        config.family("t_orders")
    assert "declared: t_order, t_user" in str(caught.value)


def test_families_cannot_be_changed_behind_our_back(tmp_path: Path) -> None:
    config = load(write(tmp_path, MINIMAL))
    with pytest.raises(TypeError):
        config.families["x"] = None  # type: ignore[index]


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_family_is_appended_and_the_text_before_stays(
    tmp_path: Path, end: str, newline: str
) -> None:
    before = (FULL.rstrip("\n") + end).replace("\n", newline).encode()
    file = tmp_path / "shardctl.toml"
    file.write_bytes(before)
    config = append_family(load(file), "t_user-2", {"first": "202002", "length": [3, 4]})
    assert file.read_bytes().startswith(before)
    assert file.read_bytes().count(b"\r") == (
        file.read_bytes().count(b"\n") if "\r" in newline else 0
    )
    assert config == load(file)
    assert list(config.families) == ["t_order", "t_user-2"]
    assert config.families["t_user-2"].first == Month(2020, 2)


def test_a_family_is_appended_to_pyproject(tmp_path: Path) -> None:
    file = write(tmp_path, '[tool.shardctl]\ntimezone = "UTC"\n[tool.x]\n', "pyproject.toml")
    append_family(load(file), "订单", {"suffix": "_%Y_%-m", "premake": 2})
    assert load(file).families["订单"].suffix == Suffix("_%Y_%-m")


@pytest.mark.parametrize(
    ("name", "values"),
    [("t_order", {}), ("t_new", {"suffix": "_%Y"}), ("t_new", {"template": "t_order_template"})],
)
def test_what_would_not_be_valid_is_not_appended(
    tmp_path: Path, name: str, values: dict[str, str]
) -> None:
    file = write(tmp_path, FULL)
    config = load(file)
    with pytest.raises(ConfigError):
        append_family(config, name, values)
    assert file.read_text(encoding="utf-8") == FULL


def test_an_appended_family_keeps_what_was_given_from_outside(tmp_path: Path) -> None:
    config = load(write(tmp_path, MINIMAL), url="sqlite:////x.db")
    assert append_family(config, "t_order", {}).url == "sqlite:////x.db"


# -- a change of gene -----------------------------------------------------------------------------

CHANGED = (
    MINIMAL
    + """
[families.t_order]
gene = "digits 0 %Y%m%d"
length = 28

[[families.t_order.genes]]
until = "202406"
gene = "none"
length = 32

[[families.t_order.genes]]
until = "202606"
gene = "timestamp ms"
length = [26, 27]
"""
)


def test_earlier_genes_stand_in_tables_of_their_own(tmp_path: Path) -> None:
    family = load(write(tmp_path, CHANGED)).families["t_order"]
    assert family.genes == (
        Scheme(None, (32,), until=Month(2024, 6)),
        Scheme(TimestampGene("ms"), (26, 27), until=Month(2026, 6)),
    )
    assert family.scheme == Scheme(DigitsGene(0, "%Y%m%d"), (28,))


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ('until = "202406"\n', "", "families.t_order.genes[0].until is missing"),
        ('gene = "none"\n', "", "families.t_order.genes[0].gene is missing"),
        ('"timestamp ms"', '"time"', 'families.t_order.genes[1].gene = "time"; allowed: '),
        ("length = 32", "size = 32", "unknown key families.t_order.genes[0].size"),
        ("[26, 27]", "[26, 32]", "genes 'none until=202406' and 'timestamp ms until=202606'"),
        ('"202606"', '"202405"', "each a later month"),
        ("length = 28\n", "", "declare the length of both"),
        ('"timestamp ms"\nlength = [26, 27]', '"ulid"\nlength = 25', "have 26 characters, not 25"),
    ],
)
def test_genes_that_cannot_be_used_are_told_with_the_file(
    tmp_path: Path, was: str, becomes: str, words: str
) -> None:
    assert was in CHANGED
    file = write(tmp_path, CHANGED.replace(was, becomes))
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert words in str(caught.value)
