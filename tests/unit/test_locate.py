"""Where a table stands in a revision, told from how it looks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardctl.errors import Contradiction
from shardctl.migrate.learn.locate import Lesson, details, locate, projected
from shardctl.structure import Check, Column, Index, IndexPart, Structure

ID = Column("order_id", "varchar(128)", nullable=False)
COIN = Column("coin", "decimal(32,2)", nullable=False, default="'0.00'")
ROOM = Column("room_id", "bigint", nullable=False, default="'0'", comment="房间")
START = Structure((ID, COIN), options=(("comment", ""), ("collation", "utf8mb4_general_ci")))


def plus(structure: Structure, column: Column) -> Structure:
    return replace(structure, columns=(*structure.columns, column))


def with_column(structure: Structure, column: Column) -> Structure:
    return replace(
        structure, columns=tuple(column if c.name == column.name else c for c in structure.columns)
    )


def indexed(structure: Structure, name: str, column: str) -> Structure:
    index = Index(name, "key", (IndexPart(column),))
    return replace(structure, indexes=(*structure.indexes, index))


def where(
    states: tuple[Structure | None, ...],
    live: Structure | None,
    recorded: tuple[int, ...] = (),
) -> set[int]:
    lesson = Lesson("t_order", tuple(range(len(states) - 1)), states)
    return set(locate(lesson, "t_order_202001", details(live), recorded))


ADDED = plus(START, ROOM)
ADDED_AND_INDEXED = indexed(ADDED, "ix_room", "room_id")


def test_a_month_without_the_column_needs_the_clause() -> None:
    assert where((START, ADDED), START) == set()


def test_a_column_that_a_dba_had_added_counts_as_done() -> None:
    assert where((START, ADDED), ADDED) == {0}


def test_every_point_of_a_revision_is_found() -> None:
    states = (START, ADDED, ADDED_AND_INDEXED)
    assert [where(states, state) for state in states] == [set(), {0}, {0, 1}]


def test_clauses_that_touch_different_things_are_found_in_any_order() -> None:
    states = (START, ADDED, indexed(ADDED, "ix_coin", "coin"))
    assert where(states, indexed(START, "ix_coin", "coin")) == {1}


def test_what_a_month_has_besides_does_not_matter() -> None:
    own = plus(START, Column("extra", "int"))
    assert where((START, ADDED), own) == set()
    assert where((START, ADDED), plus(own, ROOM)) == {0}


def test_a_column_at_another_place_is_the_same_column() -> None:
    moved = replace(START, columns=(ID, ROOM, COIN))
    assert where((START, ADDED), moved) == {0}


def test_a_column_made_by_hand_with_another_comment_is_the_same_column() -> None:
    assert where((START, ADDED), plus(START, replace(ROOM, comment="room"))) == {0}


def test_a_column_made_by_hand_of_another_type_is_a_contradiction() -> None:
    with pytest.raises(Contradiction) as caught:
        where((START, ADDED), plus(START, replace(ROOM, type="int")))
    message = str(caught.value)
    assert "t_order_202001" in message
    assert "before absent, after 'bigint', found 'int'" in message


def test_a_change_of_one_attribute_minds_only_that_attribute() -> None:
    after = with_column(START, replace(COIN, nullable=True))
    differs = with_column(START, replace(COIN, comment="own", default="'1.00'"))
    assert where((START, after), differs) == set()
    assert where((START, after), with_column(differs, replace(COIN, nullable=True))) == {0}


def test_a_rename_is_seen_though_the_net_effect_looks_like_something_else() -> None:
    renamed = replace(START, columns=(ID, replace(COIN, name="amount")))
    back = plus(renamed, COIN)
    states = (START, renamed, back)
    assert [where(states, state) for state in states] == [set(), {0}, {0, 1}]


def test_a_leftover_next_to_a_renamed_column_is_a_contradiction() -> None:
    renamed = replace(START, columns=(ID, replace(COIN, name="amount")))
    with pytest.raises(Contradiction):
        where((START, renamed), plus(START, replace(COIN, name="amount")))


def test_what_is_added_and_dropped_again_is_decided_by_the_ledger() -> None:
    states = (START, ADDED, START)
    assert where(states, START) == set()
    assert where(states, START, recorded=(0,)) == {0, 1}
    assert where(states, START, recorded=(0, 1)) == {0, 1}
    assert where(states, ADDED, recorded=(0,)) == {0}


def test_a_clause_without_visible_effect_is_decided_by_the_ledger() -> None:
    assert where((START, START), START) == set()
    assert where((START, START), START, recorded=(0,)) == {0}


def test_a_table_option_is_set_whatever_it_was() -> None:
    after = replace(START, options=(("comment", "orders"), ("collation", "utf8mb4_general_ci")))
    own = replace(START, options=(("comment", "old words"), ("collation", "utf8mb4_general_ci")))
    assert where((START, after), own) == set()
    assert where((START, after), after) == {0}


def test_a_conversion_of_the_charset_runs_on_a_month_that_has_half_of_it() -> None:
    old = Column("note", "varchar(10)", charset="latin1", collation="latin1_swedish_ci")
    new = replace(old, charset="utf8mb4", collation="utf8mb4_bin")
    other = replace(old, name="memo"), replace(new, name="memo")
    before = replace(START, columns=(old, other[0]), options=(("collation", "latin1_swedish_ci"),))
    after = replace(START, columns=(new, other[1]), options=(("collation", "utf8mb4_bin"),))
    half = replace(before, columns=(new, other[0]))
    assert where((before, after), half) == set()
    assert where((before, after), after) == {0}


def test_checks_are_told_by_their_meaning_not_by_their_name() -> None:
    after = replace(START, checks=(Check("ck_coin", "`coin` >= 0"),))
    assert where((START, after), replace(START, checks=(Check("own", "`coin` >= 0"),))) == {0}


def test_a_table_that_does_not_exist_is_before_its_creation_and_after_its_removal() -> None:
    assert where((None, START), None) == set()
    assert where((None, START), START) == {0}
    assert where((START, None), None) == {0}
    assert where((START, None), START) == set()


def test_foresight_brings_a_month_to_the_end_and_leaves_its_own_things() -> None:
    lesson = Lesson("t_order", (0, 1), (START, ADDED, ADDED_AND_INDEXED))
    own = plus(START, Column("extra", "int"))
    after = projected(lesson, details(own))
    assert after["column", "room_id", "type"] == "bigint"
    assert ("index", "ix_room") in after
    assert ("column", "extra") in after


@st.composite
def walks(draw: st.DrawFn) -> tuple[tuple[Structure, ...], int]:
    """Structures that follow each other by one change each, and a place among them."""
    names = ["a", "b", "c"]
    state = START
    states = [state]
    for _ in range(draw(st.integers(1, 6))):
        name = draw(st.sampled_from(names))
        present = {column.name: column for column in state.columns}
        if name not in present:
            state = plus(state, Column(name, draw(st.sampled_from(["int", "bigint"]))))
        elif draw(st.booleans()):
            state = replace(state, columns=tuple(c for c in state.columns if c.name != name))
        else:
            flipped = replace(present[name], nullable=not present[name].nullable)
            state = with_column(state, flipped)
        states.append(state)
    return tuple(states), draw(st.integers(0, len(states) - 1))


@given(walks())
def test_with_an_honest_ledger_a_month_is_found_exactly_where_it_stands(
    walk: tuple[tuple[Structure, ...], int],
) -> None:
    states, at = walk
    assert where(states, states[at], recorded=tuple(range(at))) == set(range(at))


@given(walks())
def test_running_what_is_left_always_ends_in_the_last_state(
    walk: tuple[tuple[Structure, ...], int],
) -> None:
    """Without a ledger too: a component is where it looks alike, so the rest leads to the end."""
    states, at = walk
    stages = [details(state) for state in states]
    done = where(states, states[at])
    live = dict(stages[at])
    for number in range(len(states) - 1):
        if number not in done:
            before, after = stages[number], stages[number + 1]
            for key in before.keys() | after.keys():
                if before.get(key) != after.get(key):
                    live[key] = after.get(key)
    left = {key: value for key, value in live.items() if value is not None and key != ("order",)}
    last = {key: value for key, value in stages[-1].items() if value is not None}
    assert left == {key: value for key, value in last.items() if key != ("order",)}
