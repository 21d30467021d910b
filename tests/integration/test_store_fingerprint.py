"""Which parameters count, a fingerprint of them in the row, and IDs that a collation confuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from traceback import format_exception
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import (
    BINARY,
    JSON,
    VARBINARY,
    Boolean,
    Column,
    Computed,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Uuid,
    create_engine,
    event,
    func,
    insert,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeDecorator, TypeEngine

from shardctl import DigitsGene, Family, Month
from shardctl.errors import ConfigError, MonthMissing
from shardctl.store import Conflict, Fingerprint, Store, TwinId
from shardctl.tables import MonthlyTable

# SQLite has no decimal numbers; SQLAlchemy says so for each.
pytestmark = pytest.mark.filterwarnings("ignore:Dialect sqlite")

NOVEMBER = Month(2026, 11)
NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
ID = "2026112112000000000001"
ORDERS = Family(
    "t_order",
    timezone="Asia/Shanghai",
    gene=DigitsGene(0, "%Y%m%d%H%M%S"),
    length=(22,),
    key=("order_id",),
    time="create_time",
    first=Month(2026, 1),
)
PRINT = Fingerprint("fp", "fp_version", {1: ("coin", "user_id", "address")})
ROW = {
    "order_id": ID,
    "user_id": 7,
    "coin": Decimal("19.90"),
    "address": "Nanjing Road 1",
    "create_time": NOON,
}


class Words(TypeDecorator[Any]):
    """An application's own type."""

    impl = String(40)
    cache_ok = True


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def orders(*more: Column[Any]) -> MonthlyTable[Table]:
    """An order's table, with columns for a fingerprint."""
    declared = Table(
        "t_order",
        MetaData(),
        Column("order_id", String(22), primary_key=True),
        Column("user_id", Integer, nullable=False),
        Column("coin", Numeric(32, 2), nullable=False),
        Column("address", String(80)),
        Column("create_time", DateTime, nullable=False),
        Column("fp", BINARY(16)),
        Column("fp_version", SmallInteger),
        *more,
    )
    return MonthlyTable(ORDERS, declared)


def made(engine: Engine, *more: Column[Any]) -> MonthlyTable[Table]:
    table = orders(*more)
    table.month(NOVEMBER).create(engine)
    return table


def change(engine: Engine, table: MonthlyTable[Table], **values: Any) -> None:
    """What happens to a stored row later."""
    with engine.connect() as connection:
        assert connection.execute(update(table.month(NOVEMBER)).values(values)).rowcount == 1


def stored(engine: Engine, table: MonthlyTable[Table]) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(table.month(NOVEMBER))).one()


def differences(engine: Engine, store: Store, row: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    with pytest.raises(Conflict) as conflict:
        store.create(engine, row)
    return dict(conflict.value.fields)


# -- which parameters count ------------------------------------------------------------------


def test_a_column_that_is_not_given_counts_as_given_with_its_default(engine: Engine) -> None:
    table = made(
        engine,
        Column("kind", Integer, nullable=False, default=3),
        Column("level", Integer, nullable=False, server_default="5"),
        Column("rate", Numeric(10, 2), nullable=False, server_default=text("1.50")),
        Column("word", String(9), nullable=False, server_default=text("'a'")),
        Column("vip", Boolean, nullable=False, default=False),
        Column("open", Boolean, nullable=False, server_default=true()),
        Column("empty", String(9), nullable=False, server_default=text("''")),
        Column("made_by", String(40), default=lambda: "somebody"),
        Column("seen", DateTime, server_default=func.current_timestamp()),
    )
    store = Store(table, ignore=("fp", "fp_version"))
    defaults = {
        "kind": "3",
        "level": 5,
        "rate": 1.5,
        "word": "a",
        "vip": 0,
        "open": True,
        "empty": "",
    }
    store.create(engine, ROW)
    assert store.create(engine, ROW | defaults).kind == "replayed"
    assert store.create(engine, ROW | {"address": "Nanjing Road 1"}).kind == "replayed"
    others = {"kind": 4, "level": 6, "rate": 2, "word": "b", "vip": 1, "open": 0, "empty": "b"}
    for number, (name, other) in enumerate(others.items(), 2):
        assert differences(engine, store, ROW | {name: other}).keys() == {name}
        without_default = ROW | {"order_id": ID[:-1] + str(number)}
        store.create(engine, without_default | {name: other})
        assert differences(engine, store, without_default).keys() == {name}
    without = {name: value for name, value in ROW.items() if name != "address"}
    assert differences(engine, store, without) == {"address": ("Nanjing Road 1", None)}


def test_a_default_that_is_given_and_then_not_is_the_same_request(engine: Engine) -> None:
    table = made(engine, Column("kind", Integer, nullable=False, default=3))
    store = Store(table, fingerprint=Fingerprint("fp", "fp_version", {1: ("user_id", "kind")}))
    store.create(engine, ROW | {"kind": "3"})
    assert store.create(engine, ROW).kind == "replayed"
    change(engine, table, kind=4, fp=None)
    assert differences(engine, store, ROW) == {"kind": (4, 3)}


def test_what_only_the_server_knows_is_not_compared(engine: Engine) -> None:
    table = made(
        engine,
        Column("seen", DateTime, server_default=func.current_timestamp()),
        Column("twice", Integer, Computed("user_id * 2")),
        Column("changed", DateTime, onupdate=func.current_timestamp()),
    )
    store = Store(table, mutable=("coin",), ignore=("fp", "fp_version"))
    store.create(engine, ROW)
    assert store.update(engine, {"coin": 5}, id=ID) == 1
    assert store.create(engine, ROW).kind == "replayed"
    # A value that is given is compared.
    assert differences(engine, store, ROW | {"seen": NOON}).keys() == {"seen"}


def test_ignored_and_mutable_columns_and_the_add_time_may_be_given_otherwise(
    engine: Engine,
) -> None:
    table = made(engine, Column("client_ip", String(40)), Column("status", Integer))
    store = Store(table, mutable=("status",), ignore=("client_ip", "fp", "fp_version"))
    store.create(engine, ROW | {"client_ip": "10.0.0.1", "status": 1})
    later = NOON.replace(second=1)
    again = ROW | {"client_ip": "10.0.0.2", "status": 2, "create_time": later}
    assert store.create(engine, again).kind == "replayed"


def test_a_secret_is_in_no_message_and_no_field(engine: Engine) -> None:
    store = Store(made(engine), secret=("address",), ignore=("fp", "fp_version"))
    store.create(engine, ROW)
    with pytest.raises(Conflict) as conflict:
        store.create(engine, ROW | {"address": "Huaihai Road 2", "user_id": 8})
    assert conflict.value.fields == {"user_id": (7, 8), "address": ("***", "***")}
    assert "Road" not in str(conflict.value)
    assert "Road" not in repr(conflict.value)


def test_a_secret_is_in_no_error_that_came_from_the_server(engine: Engine) -> None:
    table = made(engine)
    store = Store(table, secret=("address",), mutable=("coin",), ignore=("fp", "fp_version"))
    store.create(engine, ROW)
    wrong, other = {"user_id": None}, {"order_id": ID[:-1] + "2"}
    errors: list[Any] = store.create_many(engine, [ROW | other | wrong])
    with pytest.raises(DBAPIError) as raised, engine.begin() as connection:
        store.create(connection, ROW | other | wrong)
    errors.append(raised.value)
    with pytest.raises(DBAPIError) as raised:
        store.create(engine, ROW | other | wrong)
    errors.append(raised.value)
    table.month(NOVEMBER).drop(engine)
    with pytest.raises(MonthMissing) as missing:
        store.create(engine, ROW)
    errors.append(missing.value)
    with pytest.raises(MonthMissing) as missing:
        store.update(engine, {"coin": 5}, id=ID, where=lambda t: t.c.address == ROW["address"])
    errors.append(missing.value)
    for each in errors:
        assert "Road" not in "".join(format_exception(each))
    assert "user_id" in str(errors[1])  # which the server complains of


def test_a_key_cannot_be_secret(engine: Engine) -> None:
    with pytest.raises(ConfigError, match="order_id cannot be secret"):
        Store(made(engine), secret=("order_id",))


# -- fingerprints ----------------------------------------------------------------------------


def test_a_new_row_gets_its_fingerprint_by_the_same_insert(engine: Engine) -> None:
    table = made(engine)
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    outcome = Store(table, fingerprint=PRINT).create(engine, ROW)
    assert len(sent) == 1
    row = stored(engine, table)
    assert (bytes(row.fp), row.fp_version) == (outcome.row["fp"], 1)
    # Rows that are stored bear it for as long as they are kept: it may never change.
    made_of = b"1s7:addresss14:Nanjing Road 1s4:coinn4:19.9s7:user_idn1:7"
    assert bytes(row.fp) == blake2b(made_of, digest_size=16, person=b"shardctl request").digest()


def test_a_request_in_another_spelling_has_the_same_fingerprint(engine: Engine) -> None:
    store = Store(made(engine), fingerprint=PRINT)
    store.create(engine, ROW)
    assert store.create(engine, ROW | {"coin": "19.9", "user_id": "7"}).kind == "replayed"


def test_what_was_asked_for_counts_whatever_became_of_the_row(engine: Engine) -> None:
    table = made(engine)
    store = Store(table, mutable=("address",), fingerprint=PRINT)
    store.create(engine, ROW)
    change(engine, table, address="Huaihai Road 2", user_id=8)
    assert store.create(engine, ROW).kind == "replayed"


def test_a_conflict_names_the_columns_where_these_tell_it(engine: Engine) -> None:
    table = made(engine)
    store = Store(table, mutable=("address",), fingerprint=PRINT)
    store.create(engine, ROW)
    other = ROW | {"coin": 20, "address": "Huaihai Road 2"}
    assert differences(engine, store, other) == {"coin": (Decimal("19.90"), 20)}
    # Where the address is now could be the row's own doing.
    fields = differences(engine, store, ROW | {"address": "Huaihai Road 2"})
    assert fields.keys() == {"fp"}
    before, now = fields["fp"]
    assert before == bytes(stored(engine, table).fp).hex() != now


def test_a_fingerprint_with_a_secret_in_it_is_not_shown(engine: Engine) -> None:
    store = Store(made(engine), mutable=("address",), secret=("address",), fingerprint=PRINT)
    store.create(engine, ROW)
    fields = differences(engine, store, ROW | {"address": "Huaihai Road 2"})
    assert fields == {"fp": ("***", "***")}


def test_values_that_change_places_are_another_request(engine: Engine) -> None:
    table = made(engine, Column("first", String(9)), Column("second", String(9)))
    names = {1: ("first", "second")}
    mutable = ("first", "second")  # so that the fingerprint alone tells
    store = Store(table, mutable=mutable, fingerprint=Fingerprint("fp", "fp_version", names))
    store.create(engine, ROW | {"first": "a", "second": "bc"})
    for first, second in [("bc", "a"), ("ab", "c"), ("a", None), (None, "abc"), ("", "abc")]:
        fields = differences(engine, store, ROW | {"first": first, "second": second})
        assert fields.keys() == {"fp"}


def test_a_column_added_later_turns_no_old_retry_into_a_conflict(engine: Engine) -> None:
    table = made(engine, Column("room_id", Integer))
    Store(table, fingerprint=PRINT).create(engine, ROW)
    both = {**PRINT.versions, 2: (*PRINT.versions[1], "room_id")}
    store = Store(table, fingerprint=Fingerprint("fp", "fp_version", both))
    assert store.create(engine, ROW | {"room_id": 5}).kind == "replayed"
    assert differences(engine, store, ROW | {"room_id": 5, "user_id": 8}).keys() == {"user_id"}
    newer = ROW | {"order_id": ID[:-1] + "2", "room_id": 5}
    assert store.create(engine, newer).row["fp_version"] == 2
    assert store.create(engine, newer).kind == "replayed"
    assert differences(engine, store, newer | {"room_id": 6}) == {"room_id": (5, 6)}


@pytest.mark.parametrize("mark", [{"fp": None}, {"fp_version": None}, {"fp_version": 9}])
def test_a_row_without_a_fingerprint_that_is_known_is_compared_by_its_columns(
    engine: Engine, mark: dict[str, Any]
) -> None:
    table = made(engine, Column("note", String(9)))
    store = Store(table, ignore=("note",), fingerprint=PRINT)
    with engine.connect() as connection:
        connection.execute(insert(table.month(NOVEMBER)), ROW | {"fp": b"?" * 16, "fp_version": 1})
    change(engine, table, **mark)
    assert store.create(engine, ROW | {"note": "x"}).kind == "replayed"
    assert differences(engine, store, ROW | {"user_id": 8}) == {"user_id": (7, 8)}


def test_bytes_that_are_no_fingerprint_of_the_request_are_a_conflict(engine: Engine) -> None:
    table = made(engine)
    store = Store(table, fingerprint=PRINT)
    store.create(engine, ROW)
    change(engine, table, fp=b"?" * 16)
    assert differences(engine, store, ROW).keys() == {"fp"}


@pytest.mark.parametrize(
    ("declared", "word"),
    [
        (Fingerprint("fp", "fp_version", {}), "needs a version"),
        (Fingerprint("fp", "fp_version", {1: ()}), "give columns"),
        (Fingerprint("fp", "fp_version", {1: "coin"}), "give columns"),
        (Fingerprint("fp", "fp_version", {1: ("coins",)}), "no column coins"),
        (Fingerprint("mark", "fp_version", {1: ("coin",)}), "no column mark"),
        (Fingerprint("fp", "fp_version", {1: ("coin", "fp")}), "fp is no parameter"),
        (Fingerprint("fp", "fp_version", {1: ("create_time",)}), "create_time is no parameter"),
        (Fingerprint("fp", "fp_version", {1: ("twice",)}), "server fills in twice"),
        (Fingerprint("fp", "fp_version", {1: ("words",)}), "only the application knows"),
    ],
)
def test_a_fingerprint_that_cannot_be_is_refused(declared: Fingerprint, word: str) -> None:
    table = orders(Column("twice", Integer, Computed("user_id * 2")), Column("words", Words))
    with pytest.raises(ConfigError, match=word):
        Store(table, fingerprint=declared)


# -- types that SQLite has not ---------------------------------------------------------------


def test_a_set_is_its_words_in_any_order(server_url: str) -> None:
    engine = create_engine(server_url, isolation_level="AUTOCOMMIT")
    table = made(engine, Column("marks", mysql.SET("x", "y", "z")), Column("more", JSON))
    store = Store(table, fingerprint=Fingerprint("fp", "fp_version", {1: ("marks", "more")}))
    first = ROW | {"marks": {"z", "x"}, "more": {"b": 1, "a": [2**64 - 1, 1.5]}}
    store.create(engine, first)
    for marks in ({"x", "z"}, "z,x", ["z", "x"], 5):
        more = {"a": [2**64 - 1, 1.5], "b": 1.0}
        assert store.create(engine, ROW | {"marks": marks, "more": more}).kind == "replayed"
    assert differences(engine, store, first | {"marks": {"x"}}).keys() == {"marks"}
    engine.dispose()


# -- IDs in several spellings --------------------------------------------------------------------


@pytest.mark.parametrize("type_", [Uuid(), Uuid(as_uuid=False)], ids=["object", "text"])
def test_a_uuid_is_one_id_in_all_its_spellings(url: str, type_: TypeEngine[Any]) -> None:
    family = Family("t_note", timezone="Asia/Shanghai", gene=None, time="create_time")
    columns = [Column("id", type_, primary_key=True), Column("create_time", DateTime)]
    table = MonthlyTable(family, Table("t_note", MetaData(), *columns))
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    table.month(NOVEMBER).create(engine)
    store, id = Store(table), UUID("1234abcd-1234-5678-9234-567812345678")
    assert store.create(engine, {"id": id.hex.upper(), "create_time": NOON}).kind == "created"
    for spelled in (id.hex.upper(), str(id), id):
        outcome = store.create(engine, {"id": spelled, "create_time": NOON})
        assert (outcome.kind, str(outcome.row["id"])) == ("replayed", str(id))
    engine.dispose()


# -- IDs that a collation takes for one another ------------------------------------------------

CASE, BLANK, WIDE = ("abc", "ABC"), ("abc", "abc "), ("a1", "a１")
TWINS: list[tuple[TypeEngine[Any], set[tuple[str, str]]]] = [
    (String(20, collation="utf8mb4_general_ci"), {CASE, BLANK}),
    (String(20, collation="utf8mb4_unicode_ci"), {CASE, BLANK, WIDE}),
    (String(20, collation="utf8mb4_bin"), {BLANK}),
    (VARBINARY(20), set()),
]


@pytest.mark.parametrize(
    ("type_", "twins"), TWINS, ids=["general_ci", "unicode_ci", "bin", "bytes"]
)
def test_ids_that_the_key_takes_for_one_are_told_and_not_merged(
    server_url: str, type_: TypeEngine[Any], twins: set[tuple[str, str]]
) -> None:
    _tell_twins(server_url, type_, twins)


def test_ids_that_mysqls_own_default_collation_takes_for_one_are_told(mysql_url: str) -> None:
    _tell_twins(mysql_url, String(20), {CASE, WIDE})


def test_ids_that_mariadbs_own_default_collation_takes_for_one_are_told(mariadb_url: str) -> None:
    _tell_twins(mariadb_url, String(20), {CASE, BLANK})


def _tell_twins(url: str, type_: TypeEngine[Any], twins: set[tuple[str, str]]) -> None:
    """Store pairs of IDs; the second of twins is refused, others are two rows."""
    family = Family("t_note", timezone="Asia/Shanghai", gene=None, time="create_time")
    columns = [Column("id", type_, primary_key=True), Column("create_time", DateTime)]
    table = MonthlyTable(family, Table("t_note", MetaData(), *columns))
    month = table.month(NOVEMBER)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    month.create(engine)
    store = Store(table)
    for pair in (CASE, BLANK, WIDE):
        first, second = ({"id": id, "create_time": NOON} for id in pair)
        assert store.create(engine, first).kind == "created"
        if pair in twins:
            with pytest.raises(TwinId) as twin:
                store.create(engine, second)
            assert twin.value.fields == {"id": pair}
        else:
            assert store.create(engine, second).kind == "created"
            assert store.create(engine, second).kind == "replayed"
        assert store.create(engine, first).kind == "replayed"
        with engine.connect() as connection:
            count = connection.scalar(select(func.count()).select_from(month))
            assert count == (1 if pair in twins else 2)
            connection.execute(month.delete())
    engine.dispose()
