"""The graph of states: what leads where, in one step and in more, cycles included."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, String, Table

from shardctl.errors import ConfigError
from shardctl.store.states import States

TABLE = Table(
    "t_order", MetaData(), Column("order_id", String(28)), Column("status", Integer, key="state")
)


def graph(declared: dict[Any, Any]) -> States:
    return States.of(TABLE, "state", declared)


PAYMENT = graph({1: (2, 4), 2: (3,)})


def test_the_states_before_one_are_those_with_an_edge_to_it() -> None:
    assert [PAYMENT.before(state) for state in (1, 2, 3, 4)] == [(), (1,), (2,), (1,)]


def test_a_way_names_each_step_and_the_shortest_is_taken() -> None:
    assert PAYMENT.way(1, 3) == (2, 3)
    assert PAYMENT.way(1, 2) == (2,)
    assert PAYMENT.way(3, 1) == ()
    assert graph({1: (2, 3), 2: (3,), 3: (4,)}).way(1, 4) == (3, 4)


@pytest.mark.parametrize(
    ("state", "asked", "past"),
    [(2, 2, True), (3, 2, True), (3, 1, True), (4, 1, True), (1, 2, False), (4, 2, False)],
)
def test_a_state_is_past_those_that_lead_to_it(state: int, asked: int, past: bool) -> None:
    assert PAYMENT.is_past(state, asked) is past


def test_in_a_cycle_a_state_is_before_and_past_another() -> None:
    cycle = graph({1: (2,), 2: (3,), 3: (1,)})
    assert cycle.way(3, 2) == (1, 2)
    assert cycle.is_past(3, 2)
    assert cycle.way(1, 1) == (2, 3, 1)


def test_a_state_that_the_graph_has_not_leads_nowhere() -> None:
    assert PAYMENT.way(9, 2) == ()
    assert not PAYMENT.is_past(9, 2)
    with pytest.raises(ConfigError, match="no state 9; it has 1, 2, 4, 3"):
        PAYMENT.known(1, 9)


def test_states_may_be_texts_but_a_text_is_no_list_of_them() -> None:
    assert graph({"new": ("paid",)}).before("paid") == ("new",)
    with pytest.raises(ConfigError, match=r"give \('paid',\)"):
        graph({"new": "paid"})


def test_a_column_that_the_table_has_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="no column 'status'"):
        States.of(TABLE, "status", {1: (2,)})


@given(st.dictionaries(st.integers(0, 6), st.lists(st.integers(0, 6), max_size=4), max_size=7))
def test_every_way_is_made_of_edges(declared: dict[int, list[int]]) -> None:
    states = graph(declared)
    for start in states.after:
        for end in states.after:
            way = (start, *states.way(start, end))
            assert all(b in states.after[a] for a, b in pairwise(way))
            assert way[-1] == end or len(way) == 1
            assert (len(way) == 2) == (end in states.after[start])
