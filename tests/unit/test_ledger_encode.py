"""What is written to the ledger as text comes back as it was."""

from __future__ import annotations

import json
from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shardctl.clause import (
    AddConstraint,
    Algorithm,
    AlterColumn,
    Clause,
    DropConstraint,
    ObjectName,
    Param,
    Sql,
    TableName,
)
from shardctl.errors import RevisionRefused
from shardctl.ledger.encode import (
    clauses_from_text,
    clauses_to_text,
    states_from_text,
    states_to_text,
)
from shardctl.structure import Structure

zones = st.sampled_from([None, UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-9.5))])
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.decimals(),
    # No server tells the two hours apart that a clock shows when it is set back.
    st.datetimes(timezones=zones).map(lambda value: value.replace(fold=0)),
    st.dates(),
    st.times(timezones=zones).map(lambda value: value.replace(fold=0)),
    st.timedeltas(),
)
parts = st.lists(
    st.one_of(
        st.text(), st.from_type(TableName), st.from_type(ObjectName), st.builds(Param, values)
    )
).map(tuple)
words = st.text() | st.none()
actions = st.one_of(
    st.builds(Sql, parts),
    st.builds(AddConstraint, parts),
    st.builds(AlterColumn, st.text(), words, st.none() | st.booleans(), words, words, words, words),
    st.from_type(DropConstraint),
)
presences = st.sampled_from(["", "create", "drop", "rename"])
clauses = st.lists(
    st.builds(
        Clause,
        st.text(),
        st.lists(actions).map(tuple),
        data=st.booleans(),
        presence=presences,
        renamed_from=st.text(),
        loses=st.text(),
        algorithm=st.none() | st.from_type(Algorithm),
    )
).map(tuple)


@given(clauses)
def test_clauses_come_back_with_the_types_of_their_values(given: tuple[Clause, ...]) -> None:
    # repr tells True from 1 and 1.0, and holds for values that are not equal to themselves (NaN).
    assert repr(clauses_from_text(clauses_to_text(given))) == repr(given)


def test_a_clause_that_was_written_without_an_algorithm_has_none() -> None:
    written = json.loads(clauses_to_text([Clause("t_order", (Sql(("ALTER TABLE t",)),))]))
    del written[0]["algorithm"]
    (clause,) = clauses_from_text(json.dumps(written))
    assert clause.algorithm is None


@settings(max_examples=30)
@given(st.dictionaries(st.text(), st.tuples(st.none(), st.from_type(Structure)), max_size=1))
def test_states_come_back(given: dict[str, tuple[Structure | None, ...]]) -> None:
    assert states_from_text(states_to_text(given)) == given


def test_a_value_that_cannot_be_kept_is_refused_by_its_type() -> None:
    clause = Clause("t_order", (Sql(("UPDATE t SET x = ", Param(object()))),), data=True)
    with pytest.raises(RevisionRefused, match=r"builtins\.object"):
        clauses_to_text([clause])
