from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from shardctl.dialects import Size
from shardctl.errors import ConfigError
from shardctl.migrate.online.engine import Job, Limits, Online, online_of, size_of
from shardctl.migrate.online.gh_ost import GhOst
from shardctl.migrate.online.leftovers import is_leftover
from shardctl.migrate.online.pt_osc import PtOsc
from shardctl.migrate.patience.restraint import restraint_of

URL = make_url("mysql+pymysql://dba:s3cret@db.example:3307/orders")


def job(
    limits: Limits = Limits(5),  # noqa: B008
    url: str = "",
    table: str = "t_order_202601",
) -> Job:
    return Job(
        url=make_url(url) if url else URL,
        login=Path("/private/login.cnf"),
        table=table,
        specification="MODIFY `kind` bigint, ADD KEY ix (a, b)",
        settings={"time_zone": "+08:00", "sql_mode": "STRICT_TRANS_TABLES,NO_ZERO_DATE"},
        limits=limits,
    )


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("4096", 4096),
        ("500MB", 500_000_000),
        ("1GiB", 2**30),
        ("1.5 gib", 3 * 2**29),
        ("64kib", 2**16),
        ("2TB", 2 * 10**12),
    ],
)
def test_a_size_is_written_with_its_unit(text: str, size: int) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "big", "-1", "1 G", "1GiBs", "1,5GiB"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="1GiB"):
        size_of(text)


def test_a_tool_is_named_with_or_without_a_size() -> None:
    assert online_of(None, None) is None
    assert online_of("pt-osc", None) == Online("pt-osc", 2**30)
    assert online_of("gh-ost", "500MB") == Online("gh-ost", 500_000_000)
    with pytest.raises(ConfigError, match="pt-osc, gh-ost"):
        online_of("spirit", None)
    with pytest.raises(ConfigError, match="which tool"):
        online_of(None, "1GiB")


def test_alembic_names_it_by_the_same_words() -> None:
    words = {"online": "pt-osc", "online_from": "64KiB"}
    assert restraint_of(words).online == Online("pt-osc", 2**16)


def test_a_table_is_the_tools_from_the_threshold_on() -> None:
    online = Online("pt-osc", 1000)
    assert online.takes(Size(1, 1000))
    assert not online.takes(Size(1, 999))
    assert not online.takes(Size(1, None))
    assert not online.takes(None)


# -- pt-online-schema-change ---------------------------------------------------------------------


def test_pt_osc_gets_the_clauses_the_session_and_the_limits() -> None:
    command = PtOsc().command(job(Limits(7, max_threads_running=40)))
    assert command == [
        "pt-online-schema-change",
        "--execute",
        "--no-version-check",
        "--charset=utf8mb4",
        "--progress=time,1",
        "--recursion-method=none",
        "--pause-file=/private/pause",
        "--alter=MODIFY `kind` bigint, ADD KEY ix (a, b)",
        r"--set-vars=lock_wait_timeout=7,time_zone='+08:00',"
        r"sql_mode='STRICT_TRANS_TABLES\,NO_ZERO_DATE'",
        "--max-load=Threads_running=40",
        "--critical-load=Threads_running=80",
        "F=/private/login.cnf,D=orders,t=t_order_202601",
    ]


def test_pt_osc_finds_the_login_in_an_option_file() -> None:
    url = make_url("mysql+pymysql://db.example/orders?ssl_ca=/ca.pem")
    url = url.set(username="dba", password='a"b\\c#;')
    assert PtOsc().login(url) == (
        '[client]\nuser="dba"\npassword="a\\"b\\\\c#;"\nhost="db.example"\nport="3306"\n'
        'ssl-ca="/ca.pem"\n'
    )
    by_socket = make_url("mysql+pymysql://dba@/orders?unix_socket=/run/mysqld.sock")
    assert PtOsc().login(by_socket) == '[client]\nuser="dba"\nsocket="/run/mysqld.sock"\n'
    with pytest.raises(ConfigError, match="line break") as caught:
        PtOsc().login(url.set(password="line\nbreak"))
    assert "line\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("Copying `orders`.`t_order_202601`:  45% 00:30 remain", (45, "00:30 remain")),
        ("Pausing because Threads_running=41.", (None, "Pausing because Threads_running=41.")),
        ("Sleeping 60 seconds because /private/pause exists", None),
        ("Altered `orders`.`_t_order_202601_new` OK.", None),
    ],
)
def test_pt_osc_tells_how_far_it_is(line: str, told: object) -> None:
    assert PtOsc().progress(line) == told


def test_pt_osc_is_believed_by_its_words_and_its_code_together() -> None:
    done = "Successfully altered `orders`.`t_order_202601`."
    assert PtOsc().has_succeeded(job(), 0, ["Swapping tables...", done])
    assert not PtOsc().has_succeeded(job(), 0, ["`orders`.`t_order_202601` was not altered."])
    assert not PtOsc().has_succeeded(job(), 0, [done.replace("202601", "202602")])
    assert not PtOsc().has_succeeded(job(), 16, [done])


# -- gh-ost --------------------------------------------------------------------------------------


def test_gh_ost_gets_the_clauses_and_the_limits() -> None:
    command = GhOst().command(job(Limits(60, max_threads_running=40)))
    for word in (
        "--execute",
        "--allow-on-master",
        "--conf=/private/login.cnf",
        "--host=db.example",
        "--port=3307",
        "--database=orders",
        "--table=t_order_202601",
        "--alter=MODIFY `kind` bigint, ADD KEY ix (a, b)",
        "--serve-socket-file=/private/gh-ost.sock",
        "--cut-over-lock-timeout-seconds=10",
        "--max-load=Threads_running=40",
        "--throttle-flag-file=/private/pause",
    ):
        assert word in command
    assert not any("s3cret" in word for word in command)
    assert not any("drop-ghost" in word or "drop-old" in word for word in command)


def test_gh_ost_checks_the_server_as_the_url_says() -> None:
    url = "mysql+pymysql://dba@db/orders?ssl_ca=/ca.pem&ssl_cert=/c.pem&ssl_key=/k.pem"
    command = GhOst().command(job(url=url))
    assert command[-4:] == ["--ssl", "--ssl-ca=/ca.pem", "--ssl-cert=/c.pem", "--ssl-key=/k.pem"]


@pytest.mark.parametrize(
    ("password", "text"),
    [("s#;'\"x=", "`s#;'\"x=`"), ("a`b", '"""a`b"""')],
)
def test_gh_ost_finds_the_password_in_quotes_that_it_does_not_hold(
    password: str, text: str
) -> None:
    login = GhOst().login(URL.set(password=password))
    assert login == f"[client]\nuser = `dba`\npassword = {text}\n"


@pytest.mark.parametrize("password", ["a\nb", "%(user)s", "${HOME}", 'a`b"""c', 'a`b"'])
def test_a_password_that_gh_ost_would_read_otherwise_is_refused_unsaid(password: str) -> None:
    with pytest.raises(ConfigError) as caught:
        GhOst().login(URL.set(password=password))
    assert password not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "Copy: 14100/752865 1.9%; Applied: 0; Backlog: 0/100; Time: 32s(total), 3s(copy); "
            "streamer: mysql-bin.007068:864722759; ETA: 2m37s",
            (1, "ETA 2m37s"),
        ),
        (
            "Copy: 496900/752865 66.0%; Applied: 0; Backlog: 0/100; Time: 2m55s(total), "
            "2m26s(copy); streamer: mysql-bin.007069:681610879; "
            "ETA: throttled, max-load Threads_running=26 >= 25",
            (66, "throttled, max-load Threads_running=26 >= 25"),
        ),
        ("2016-05-19 17:57:11 INFO Ghost table altered", None),
        ("# Migration started at Mon Jul 25 01:13:19 2016", None),
    ],
)
def test_gh_ost_tells_how_far_it_is(line: str, told: object) -> None:
    assert GhOst().progress(line) == told


def test_gh_ost_is_believed_by_its_words_and_its_code_together() -> None:
    assert GhOst().has_succeeded(job(), 0, ["# Done"])
    assert not GhOst().has_succeeded(job(), 0, ["2026-01-01 00:00:00 FATAL no binary log"])
    assert not GhOst().has_succeeded(job(), 1, ["# Done"])


# -- what they leave behind ----------------------------------------------------------------------

LONG = "t" + "x" * 53 + "_202601"


@pytest.mark.parametrize(
    ("name", "table"),
    [
        *(("_t_order_202601_new", "t_order_202601"), ("_t_order_202601_old", "t_order_202601")),
        *(("___t_order_202601_new", "t_order_202601"), ("_t_order_202601_gho", "t_order_202601")),
        *(("_t_order_202601_ghc", "t_order_202601"), ("_t_order_202601_del", "t_order_202601")),
        ("_t_order_202601_20260221103147_del", "t_order_202601"),
        (f"_{LONG}_new"[:64], LONG),
        (f"_{LONG[:59]}_gho", LONG),
    ],
)
def test_the_tables_of_a_tool_are_known_by_their_names(name: str, table: str) -> None:
    assert is_leftover(name, table)


@pytest.mark.parametrize(
    "name",
    ["t_order_202601", "_t_order_202602_new", "t_order_202601_old", "_t_order_202601_bak", "_new"],
)
def test_other_tables_are_left_alone(name: str) -> None:
    assert not is_leftover(name, "t_order_202601")
