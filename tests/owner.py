"""A process that holds the lock and does as it is told, line by line."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from shardctl import lock
from shardctl.dialects import Statement, execute, open_database
from shardctl.errors import LockLost
from shardctl.month import Month
from tests.nursery import Child, Nursery


@dataclass
class Owner(Child):
    """The process, and the pipes to and from it."""

    words: TextIO = field(init=False)
    answers: TextIO = field(init=False)

    def tell(self, word: str) -> None:
        """What it is to do: `alter`, `write` or `release`."""
        print(word, file=self.words, flush=True)

    def answer(self) -> str:
        """What it says next; empty when it has ended."""
        return self.answers.readline().strip()

    def is_zombie(self) -> bool:
        """Whether it has ended, and nobody has asked for it yet."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@contextmanager
def owner(nursery: Nursery, url: str) -> Iterator[Owner]:
    """A process that holds the lock of a database, and does not outlive the block."""
    pipes = [Path(tempfile.mkdtemp(dir=nursery.folder), name) for name in ("words", "answers")]
    for pipe in pipes:
        os.mkfifo(pipe)
    words, answers = pipes
    started = nursery.start("tests.owner", url, *map(str, pipes))
    owner = Owner(nursery, started.pid, started.streams)
    try:
        with words.open("w") as owner.words, answers.open() as owner.answers:
            assert owner.answer() == "holds", "it could not acquire the lock"
            yield owner
    finally:
        owner.kill()
        owner.wait()


def _main(url: str, words: TextIO, answers: TextIO) -> None:
    database = open_database(url)
    with lock.acquire(database, command="upgrade") as lease, database.connect() as connection:
        database.dialect.claim(connection, lease.token)
        lease.ledger.begin_clauses(connection, "r1", "up", [0], "t_order_202601")
        print("holds", file=answers, flush=True)
        for line in words:
            try:
                match line.strip():
                    case "alter":
                        statement = Statement("ALTER TABLE t_order_202601 ADD COLUMN room_id INT")
                        execute(connection, statement, f"shardctl {lease.token}")
                    case "write":
                        lease.ledger.register(
                            connection,
                            "t_order_202601",
                            family="t_order",
                            month=Month(2026, 1),
                            revision=None,
                            origin="found",
                        )
                    case "release":
                        break
                print("done", file=answers, flush=True)
            except LockLost:
                print("lost", file=answers, flush=True)
    print("released", file=answers, flush=True)


if __name__ == "__main__":
    url, words, answers = sys.argv[1:]
    with open(words) as told, open(answers, "w") as said:  # noqa: PTH123
        _main(url, told, said)
