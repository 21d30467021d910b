"""The short way from an ID to its month and table, for millions of them.

A route answers from what it has met: the texts of dates, or the boundaries of months among IDs
that are in order of time. Whatever it does not know at once, wrong IDs included, is decided by
`decide`, the long way; what that finds plausible is then known. So a route never asks the clock
and is never stale: months only become plausible, and one that has come is found the long way
once.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import tzinfo
from threading import Lock
from typing import Any, TypeAlias

from shardctl.errors import InvalidSuffix
from shardctl.family.scheme import EARLIEST, MOST, Scheme
from shardctl.gene import DigitsGene, SnowflakeGene, TickGene, UlidGene, Uuid7Gene
from shardctl.month import Month

Place: TypeAlias = tuple[Month, str]
"""A month and the name of its table."""

Route: TypeAlias = Callable[[Any], Place]
"""From an ID to its place; of `Any`, since it is what finds out that something is no ID."""

_NUMBER = re.compile("[1-9][0-9]{0,19}")
_SHORT = 10**40
"""Integers below it are written out as text without a further look."""


def quick(
    scheme: Scheme,
    zone: tzinfo,
    first: Month | None,
    month_of: Callable[[str], Month],
    place_of: Callable[[Month], Place],
) -> Route:
    """The shortest route to where the long way leads, on which it falls back.

    Args:
        first: the scheme's first plausible month; None for no bound.
        month_of: the long way from an ID's body to its month, which raises `InvalidId`.
        place_of: the place of a month.
    """
    gene = scheme.gene
    if scheme.width or (scheme.length and isinstance(gene, SnowflakeGene)):
        bare = quick(Scheme(gene), zone, first, month_of, place_of)
        return lambda id: bare(scheme.body(id))

    def decide(id: Any) -> Place:
        return place_of(month_of(scheme.body(id)))

    if isinstance(gene, DigitsGene):
        return _by_date(scheme, gene, decide)
    if isinstance(gene, TickGene):
        return _by_order(scheme, gene, _Boundaries(gene, zone, first, place_of), decide)
    return decide


def _as_number(id: Any) -> int | None:
    return int(id) if type(id) is str and _NUMBER.fullmatch(id) else None


def _as_text(id: Any) -> str | None:
    return str(id) if type(id) is int and 0 <= id < _SHORT else None


def _by_date(scheme: Scheme, gene: DigitsGene, decide: Route) -> Route:
    """By the digits of days, or of months: those of plausible IDs are kept."""
    day = slice(*gene.day)
    lengths = frozenset(scheme.length) or range(day.stop, MOST + 1)
    known: dict[str, Place] = {}
    months: dict[Month, Place] = {}  # one value for all days of a month: it stays in the cache

    def route(id: Any) -> Place:
        if type(id) is str and len(id) in lengths and id.isascii() and id.isdigit():
            try:
                return known[id[day]]
            except KeyError:
                pass  # what `learn` raises is to stand alone
        return learn(id)

    def route_by_shape(id: Any) -> Place:
        if type(id) is str and len(id) in lengths and gene.shape.fullmatch(id):
            try:
                return known[id[day]]
            except KeyError:
                pass  # what `learn` raises is to stand alone
        return learn(id)

    def learn(id: Any) -> Place:
        if scheme.decimal and (text := _as_text(id)) is not None:
            return chosen(text)
        place = decide(id)
        if place[0] >= EARLIEST:  # what a stranger may invent must not fill the memory
            place = known[scheme.text(id)[day]] = months.setdefault(place[0], place)
        return place

    chosen = route_by_shape if gene.has_time or gene.letters else route
    return chosen


class _Boundaries:
    """Where the months begin among IDs that are in order of time.

    `places[n]` is the place of the IDs from `keys[n - 1]` up to, but without, `keys[n]`, so that
    it stands at `bisect_right(keys, id)`. A key is appended before its place: who looks in
    between finds none, and goes the long way.
    """

    __slots__ = ("_gene", "_lock", "_next", "_place_of", "_zone", "keys", "places")

    def __init__(
        self,
        gene: TickGene,
        zone: tzinfo,
        first: Month | None,
        place_of: Callable[[Month], Place],
    ) -> None:
        self._gene, self._zone, self._place_of = gene, zone, place_of
        self._lock = Lock()
        epoch = Month.of(gene.instant_of(0), zone)
        self._next = max(first or epoch, epoch)
        self.keys: list[Any] = []
        self.places: list[Place | None] = [None]

    def reach(self, month: Month) -> None:
        """Know every month up to this one, which is plausible."""
        with self._lock:
            while self._next <= month:
                if not self.keys:
                    self.keys.append(self._gene.boundary(self._next, self._zone))
                following = self._gene.boundary(self._next + 1, self._zone)
                if following is None:  # the field ends within the month
                    return
                self.keys.append(following)
                self.places.append(self._place(self._next))
                self._next += 1

    def _place(self, month: Month) -> Place | None:
        try:
            return self._place_of(month)
        except InvalidSuffix:  # long ago; an ID that says so is told it the long way
            return None


def _by_order(scheme: Scheme, gene: TickGene, boundaries: _Boundaries, decide: Route) -> Route:
    """By the boundaries of months: among integers for a snowflake, else among texts."""
    keys, places = boundaries.keys, boundaries.places
    lengths = frozenset(scheme.lengths) or range(1, MOST + 1)
    fits = gene.shape.fullmatch if isinstance(gene, Uuid7Gene | UlidGene) else str.isdigit

    # The look-up stands in both: this is the path of every ID, and a call is a part of its cost.

    def by_number(id: Any) -> Place:
        if type(id) is int:
            try:
                place = places[bisect_right(keys, id)]
                if place is not None:
                    return place
            except IndexError:
                pass
        return learn(id)

    def by_text(id: Any) -> Place:
        if type(id) is str and len(id) in lengths and id.isascii() and fits(id):
            try:
                place = places[bisect_right(keys, id)]
                if place is not None:
                    return place
            except IndexError:
                pass
        return learn(id)

    def learn(id: Any) -> Place:
        if scheme.decimal and (other := respelled(id)) is not None:
            return chosen(other)
        place = decide(id)
        boundaries.reach(place[0])
        return place

    number = isinstance(gene, SnowflakeGene)
    chosen, respelled = (by_number, _as_number) if number else (by_text, _as_text)
    return chosen


def several(routes: Sequence[tuple[Scheme, Route]], decide: Route) -> Route:
    """The route where there are several schemes: by the ID's length where only one has it."""
    by_length: dict[int, Route] = {}
    for scheme, its in routes:
        for length in scheme.lengths:
            by_length[length] = decide if length in by_length else its

    def route(id: Any) -> Place:
        text = id if type(id) is str else _as_text(id)
        return decide(id) if text is None else by_length.get(len(text), decide)(id)

    return route
