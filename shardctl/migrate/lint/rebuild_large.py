"""`rebuild-large`: a large month is written anew, or cannot be written to meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from shardctl.clause import Algorithm
from shardctl.migrate.finding import Finding, listed
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Subject

ID = "rebuild-large"


def _look(subject: Subject) -> Iterator[Finding]:
    dear: dict[tuple[str, Algorithm], set[str]] = {}
    for change in subject.changes:
        algorithm = change.clause.algorithm
        if algorithm and (algorithm.rebuilds or _keeps_writers_out(algorithm)):
            dear.setdefault((change.clause.table, algorithm), set()).update(change.in_use)
    if not dear:
        return
    sizes = subject.sizes(set[str]().union(*dear.values()))
    large = {name: size.bytes for name, size in sizes.items() if size.bytes is not None}
    large = {name: size for name, size in large.items() if size > subject.limits.bytes}
    online = subject.online
    by_tool = {name for name, size in sizes.items() if online and online.takes(size)}
    for (table, algorithm), all_of_them in dear.items():
        concerned = all_of_them - by_tool if algorithm.rebuilds else all_of_them
        if tables := sorted(concerned & large.keys(), key=lambda name: (-large[name], name)):
            words = "rebuilds" if algorithm.rebuilds else "builds an index of"
            others = "and keeps writers out" if _keeps_writers_out(algorithm) else "beside writers"
            said = listed([f"{name} ({_gib(large[name])})" for name in tables])
            yield Finding(
                ID,
                "warning",
                f"{table}: {algorithm} {words} large months, {others}: {said}",
                tuple(tables),
            )


def _keeps_writers_out(algorithm: Algorithm) -> bool:
    return algorithm.name == "COPY" or algorithm.lock in ("SHARED", "EXCLUSIVE")


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


RULE = Rule(ID, _look)
