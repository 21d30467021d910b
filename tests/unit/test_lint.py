"""The rules of lint, and what they share, on values alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from shardctl.clause import Clause, Sql, TableName
from shardctl.errors import RevisionRefused
from shardctl.migrate import lint
from shardctl.migrate.finding import Finding, listed
from shardctl.migrate.lint.columns import added, dropped, former, renamed
from shardctl.migrate.lint.indexes import called, serves
from shardctl.migrate.lint.key_not_binary import loose
from shardctl.migrate.lint.large_update import _verb
from shardctl.migrate.lint.waiver import waived
from shardctl.migrate.work import Revision
from shardctl.structure import Column, Index, IndexPart, Structure

KNOWN = ("drop-column", "drop-index", "rename-column")


def allowed(source: str) -> frozenset[str]:
    return waived(Revision("r1", "up", "add room", source), KNOWN)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", set()),
        ("x = 1  # add a room", set()),
        ("# shardctl: allow rename-column", {"rename-column"}),
        ("#shardctl:allow rename-column,drop-index", {"rename-column", "drop-index"}),
        ("#  shardctl: allow  drop-index  drop-column ", {"drop-index", "drop-column"}),
        ("def f():\n    pass  # shardctl: allow drop-index\n", {"drop-index"}),
        ("# shardctl: allow drop-index\n# shardctl: allow drop-column", set(KNOWN[:2])),
        ('"""# shardctl: allow drop-index"""', set()),
        ("x = '# shardctl: allow nothing-known'", set()),
        ("# shardctl: allowance", set()),
    ],
)
def test_a_comment_names_the_rules_that_it_waives(source: str, expected: set[str]) -> None:
    assert allowed(source) == expected


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        ("# shardctl: allow rename-colum", "waives rename-colum;"),
        ("# shardctl: allow drop-index, all", "waives all;"),
        ("# shardctl: allow", "waives nothing;"),
    ],
)
def test_a_rule_that_there_is_not_is_refused_with_those_that_there_are(
    comment: str, words: str
) -> None:
    with pytest.raises(RevisionRefused) as caught:
        allowed(f"x = 1\n{comment}\n")
    assert str(caught.value) == (
        f"r1 add room, line 2: '{comment}' {words} the rules are drop-column, drop-index, "
        "rename-column"
    )


def test_every_rule_is_in_the_tuple_under_the_name_of_its_module() -> None:
    folder = Path(lint.__file__).parent
    modules = {path.stem for path in folder.glob("*.py") if "RULE = " in path.read_text()}
    assert [rule.id for rule in lint.RULES] == [
        name.replace("_", "-")
        for name in (rule.look.__module__.split(".")[-1] for rule in lint.RULES)
    ]
    assert len(lint.RULES) == len(modules) == len({rule.id for rule in lint.RULES})
    assert all(re.fullmatch("[a-z]+(-[a-z]+)+", rule.id) for rule in lint.RULES)


def structure(*names: str) -> Structure:
    return Structure(tuple(Column(name, "int") for name in names))


@pytest.mark.parametrize(
    ("before", "after", "loses", "expected"),
    [
        ("a b", "a b c", "", ((), {}, ("c",))),
        ("a b", "a", "column b of t and its values", (("b",), {}, ())),
        ("a b", "a c", "", ((), {"b": "c"}, ())),
        ("a b", "b", "column a", (("a",), {}, ())),
        ("a b c", "d", "column a, column c", (("a", "c"), {"b": "d"}, ())),
        ("a b", "c d", "column a, column b", (("a", "b"), {}, ("c", "d"))),
        ("a", "b c", "", ((), {}, ())),
        ("coin", "COIN", "", ((), {}, ())),
        ("coin coins", "coin", "column coins of t and its values", (("coins",), {}, ())),
    ],
)
def test_columns_are_dropped_renamed_or_added(
    before: str, after: str, loses: str, expected: tuple[object, ...]
) -> None:
    clause = Clause("t", (), loses=loses)
    states = structure(*before.split()), structure(*after.split())
    found = dropped(clause, *states), renamed(clause, *states), added(clause, *states)
    assert found == expected


def test_a_renamed_column_is_known_by_what_it_was() -> None:
    states = structure("a", "b"), structure("a", "c")
    assert former("c", Clause("t", ()), *states) == Column("b", "int")
    assert former("a", Clause("t", ()), *states) == Column("a", "int")
    assert former("d", Clause("t", ()), *states) is None
    assert dropped(Clause("t", ()), None, states[0]) == ()


def index(kind: str, *columns: str, **about: bool) -> Index:
    return Index("ix", kind, tuple(IndexPart(column) for column in columns), **about)


@pytest.mark.parametrize(
    ("other", "lost", "expected"),
    [
        (index("key", "a", "b"), index("key", "a"), True),
        (index("key", "b", "a"), index("key", "a"), False),
        (index("unique", "a"), index("key", "a"), True),
        (index("key", "a"), index("unique", "a"), False),
        (index("unique", "a", "b"), index("unique", "a"), False),
        (index("primary", "a"), index("unique", "a"), True),
        (index("key", "a", invisible=True), index("key", "a"), False),
        (index("fulltext", "a"), index("key", "a"), False),
        (index("fulltext", "a"), index("fulltext", "a"), True),
    ],
)
def test_an_index_is_not_missed_where_another_does_all_that_it_did(
    other: Index, lost: Index, expected: bool
) -> None:
    assert serves(other, lost) is expected


def test_an_index_follows_its_columns_to_their_new_names() -> None:
    assert called(index("unique", "a", "b"), {"b": "c"}) == index("unique", "a", "c")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("UPDATE ", TableName("t"), " SET a = 1"), "UPDATE"),
        (("/* UPDATE */ delete FROM ", TableName("t")), "DELETE"),
        (("-- all\nUPDATE ", TableName("t"), " SET a = 1"), "UPDATE"),
        (("WITH x AS (SELECT 1) UPDATE ", TableName("t"), " SET a = 1"), "UPDATE"),
        (("INSERT INTO s SELECT a FROM ", TableName("t"), " ON DUPLICATE KEY UPDATE a = 1"), ""),
        (("REPLACE INTO s SELECT a FROM ", TableName("t")), ""),
    ],
)
def test_an_update_is_told_by_its_verb(parts: tuple[str | TableName, ...], expected: str) -> None:
    assert _verb(Clause("t", (Sql(parts),), data=True)) == expected
    assert _verb(Clause("t", (Sql(parts),))) == ""


@pytest.mark.parametrize(
    ("type_", "collation", "words"),
    [
        ("varchar(64)", "utf8mb4_bin", ""),
        ("varchar(64)", "utf8mb4_0900_ai_ci", "utf8mb4_0900_ai_ci"),
        ("varchar(64)", "NOCASE", "NOCASE"),
        ("bigint", None, ""),
        ("double", None, "neighbouring"),
    ],
)
def test_a_column_that_takes_two_ids_for_one_is_loose(
    type_: str, collation: str | None, words: str
) -> None:
    reason = loose(Column("order_id", type_, collation=collation))
    assert bool(reason) is bool(words)
    assert words in reason


def test_many_tables_are_told_by_the_first_few() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefg")) == "a, b, c, d and 3 more"


def test_a_finding_is_told_with_its_rule() -> None:
    finding = Finding("drop-column", "destructive", "t loses column a")
    assert str(finding) == "drop-column: t loses column a"
    assert str(replace(finding, waived=True)) == str(finding)
