"""A family: a logical table and all its months."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shardctl.errors import ConfigError, InvalidId, InvalidMonth
from shardctl.family.kinds import refuse_other_kinds
from shardctl.family.reading import Reader, Reading
from shardctl.family.route import Place, Route, quick, several
from shardctl.family.scheme import Scheme, refuse_ambiguous
from shardctl.gene import DigitsGene, Gene, Id, Span
from shardctl.gene.base import shown
from shardctl.gene.seal import Tag
from shardctl.month import Month, required
from shardctl.suffix import Suffix

__all__ = ["Family", "Reading", "Scheme", "Tag"]


@dataclass(frozen=True, slots=True)
class Family:
    """A logical table such as `t_order`, and how its rows find their months.

    Attributes:
        name: the logical table's name, which revisions and applications use.
        timezone: the IANA name of the zone whose calendar makes the months.
        suffix: the pattern between the name and the month.
        template: the empty table that holds the declared structure; the family's own name where
            it is not given.
        key: the columns that are unique within a month; the last one named holds the ID.
        time: the column of the add-time.
        time_unit: "" for DATETIME, TIMESTAMP and DATE; "s" or "ms" for an integer column.
        state: the column of a row's state; "" where rows have none, or it does not matter.
        gene: where in an ID its month stands; None routes by add-time alone.
        length: how long an ID may be, in characters; empty for any length.
        check: whether two check digits end an ID.
        tag: the keyed tag that ends an ID, before its check digits.
        genes: how IDs were made before, each with its `until`, the earliest first.
        first: no month before it is plausible; None for no bound.
        skew: how far gene and add-time of a new row may disagree.
        premake: how many months are made ahead of the present one.

    Raises:
        ConfigError: the time zone is unknown, two genes might claim one ID, or an attribute is of
            another kind.
    """

    name: str
    timezone: str = "UTC"
    suffix: Suffix = field(default_factory=Suffix)
    template: str = ""
    key: tuple[str, ...] = ()
    time: str = ""
    time_unit: str = ""
    state: str = ""
    gene: Gene | None = None
    length: tuple[int, ...] = ()
    check: bool = False
    tag: Tag | None = None
    genes: tuple[Scheme, ...] = ()
    first: Month | None = None
    skew: timedelta = timedelta(seconds=5)
    premake: int = 4
    zone: tzinfo = field(init=False, repr=False, compare=False)
    _reader: Reader = field(init=False, repr=False, compare=False)
    _route: Route = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.template:
            object.__setattr__(self, "template", self.name)
        try:
            refuse_other_kinds(self)
            zone = self._zone()
            schemes = (*self.genes, Scheme(self.gene, self.length, self.check, self.tag))
            refuse_ambiguous(schemes, self.first, zone)
        except ConfigError as error:
            raise ConfigError(f"family {self.name}: {error}") from error
        reader = Reader(self.name, zone, schemes, self.first, self.premake)
        object.__setattr__(self, "zone", zone)
        object.__setattr__(self, "_reader", reader)
        object.__setattr__(self, "_route", self._quick())

    def __reduce__(self) -> tuple[Any, ...]:
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return partial(type(self), **values), ()

    # -- routing --------------------------------------------------------------------------------

    def month(
        self,
        *,
        id: Id | None = None,
        instant: datetime | None = None,
        now: datetime | None = None,
    ) -> Month:
        """The month that a row belongs to, by its ID or by its add-time.

        The ID alone decides. Give the add-time with it to have them compared: for a new row,
        whose two are made together, and not for a retry, whose add-time is rightly later.

        Args:
            id: the row's ID, as text or, where its text is decimal, as an integer.
            instant: the add-time, aware; decides where there is no ID, or IDs bear no gene.
            now: an aware datetime in place of the clock's, for what is plausible.

        Raises:
            InvalidId: the ID has not the declared form, or there is neither ID nor add-time.
            ImplausibleGene: its month lies before the family's first or beyond what is premade.
            AmbiguousGene: two schemes claim it for two months.
            GeneMismatch: ID and add-time disagree by more than `skew`.
            InvalidMonth: the instant is naive, or beyond the calendar.
        """
        if instant is None:
            return self._route(id)[0] if now is None else self._reader.read(id, now).month
        if id is None:
            return Month.of(instant, self.zone)
        return self._reader.compare(id, instant, self.skew, now)

    def table_name(
        self,
        month: Month | None = None,
        *,
        id: Id | None = None,
        instant: datetime | None = None,
    ) -> str:
        """The physical table of a month, of an ID, or of an add-time; see `month`.

        Raises:
            InvalidMonth: an ID, or what else is no `Month`, is given for one.
        """
        if month is None and instant is None:
            return self._route(id)[1]
        if month is None:
            month = self.month(id=id, instant=instant)
        return self.name + self.suffix.format(required(month))

    def tables_for(self, ids: Iterable[Id]) -> dict[str, list[Id]]:
        """A list of IDs by table, the tables in order of time, the IDs in the order given.

        None is lost: an ID that has no month raises, as in `month`; one that comes twice is
        there twice.
        """
        found: dict[Place, list[Id]] = {}
        for id in ids:
            found.setdefault(self._route(id), []).append(id)
        return {place[1]: found[place] for place in sorted(found)}

    def months(
        self, since: datetime, until: datetime, *, skew: timedelta = timedelta(0)
    ) -> tuple[Month, ...]:
        """The months that the time from `since` up to, but without, `until` touches.

        Args:
            since: an aware datetime.
            until: an aware datetime; midnight of the first does not touch the month it begins.
            skew: how far to reach beyond both ends: a row's add-time may fall in another month
                than its ID's gene, which decides where it is. The family's own is `skew`.

        Raises:
            InvalidMonth: one of the two is naive, or beyond the calendar.
        """
        first, last = Month.of(since, self.zone), Month.of(until, self.zone)
        try:
            # Two times with one tzinfo compare as clocks show them, which go back once a year.
            since, until = since.astimezone(UTC), until.astimezone(UTC)
            if since >= until:
                return ()
            if skew:
                return self.months(since - skew, until + skew)
            if until <= last.start(self.zone):
                last += -1
        except OverflowError as error:
            raise InvalidMonth(f"{since} to {until} reaches beyond the calendar") from error
        return tuple(first + step for step in range(last - first + 1))

    def id_range(self, month: Month) -> tuple[Id, Id]:
        """The smallest and the largest ID of a month: every one lies between, or is one of them.

        Integers where the gene is a snowflake, else texts, which compare character by character:
        a column of text must be compared as binary. Bounds of sealed IDs are none themselves.

        Raises:
            InvalidGene: IDs are not in order of time, have no declared length, or were made in
                two ways in that month.
            ImplausibleGene: no ID can bear the month.
        """
        return self._reader.id_range(month)

    # -- how an ID is read ------------------------------------------------------------------------

    @property
    def id_column(self) -> str:
        """The column that holds the ID: the last of the key; "" where none is declared."""
        return self.key[-1] if self.key else ""

    @property
    def scheme(self) -> Scheme:
        """How IDs are made now."""
        return self._reader.schemes[-1]

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """How IDs were made, the earliest first, and how they are made now."""
        return self._reader.schemes

    @property
    def routing(self) -> str:
        """What decides where an ID goes: lines with the name, the zone, the suffix, each scheme.

        Of several schemes the lengths of their IDs, too, which tell them apart.
        """
        told_apart = len(self.schemes) > 1
        schemes = [
            f"{scheme} length={','.join(map(str, sorted(scheme.lengths)))}"
            if told_apart
            else str(scheme)
            for scheme in self.schemes
        ]
        lines = (self.name, self.timezone, self.suffix.pattern, *schemes)
        return "\n".join(("shardctl family 1", *lines))

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of `routing`, as 64 hexadecimal digits.

        Two families with the same one send the same ID to the same table, whichever version of
        shardctl reads it.
        """
        from hashlib import sha256  # loads OpenSSL, which routing does not need

        return sha256(self.routing.encode()).hexdigest()

    def current_month(self, now: datetime | None = None) -> Month:
        """The month that it is now in the family's zone.

        Args:
            now: an aware datetime in place of the clock's.
        """
        return self._reader.current_month(now)

    def read(self, id: Id, now: datetime | None = None) -> Reading:
        """What an ID says, the long way: its scheme, body and month.

        Raises:
            InvalidId: and what `month` raises of it.
        """
        return self._reader.read(id, now)

    def span(self, id: Id) -> Span:
        """When an ID was made, as exactly as it tells: a millisecond, a day, a month.

        Whether that time is plausible, `month` says.

        Raises:
            InvalidId: the ID has not the declared form, or bears no gene.
        """
        schemes = self._reader.schemes
        scheme = schemes[0] if len(schemes) == 1 else self._reader.read(id).scheme
        if scheme.gene is None:
            raise InvalidId(f"ID {shown(id)} of {self.name} bears no gene, and so no time")
        return scheme.gene.span(scheme.body(id), self.zone)

    def shows(self, id: Id, instant: datetime) -> bool:
        """Whether an ID bears exactly an add-time, as far as it tells: both from one instant.

        The quick way to see that they agree. False where that takes `span`, too.

        Args:
            id: one that `month` has taken.
            instant: an aware datetime.
        """
        schemes = self._reader.schemes
        gene = schemes[0].gene
        return (
            len(schemes) == 1
            and isinstance(gene, DigitsGene)
            and type(id) is str
            and gene.shows(id, instant.astimezone(self.zone))
        )

    def explain(self, id: Id, now: datetime | None = None) -> Iterator[tuple[str, str]]:
        """Each step from an ID to its table: what is looked at, and what it says.

        What is wrong with an ID is raised after the steps up to it, so that they tell why.

        Args:
            now: an aware datetime in place of the clock's, for what is plausible.

        Raises:
            InvalidId: and what `month` raises of it.
        """
        yield "ID", id if isinstance(id, str) else shown(id)
        yield from self._reader.steps(id, now)
        yield "table", self.table_name(self.month(id=id, now=now))

    # -- what is made once -------------------------------------------------------------------------

    def _quick(self) -> Route:
        reader, place = self._reader, self._place

        def route(scheme: Scheme) -> Route:
            return quick(
                scheme,
                reader.zone,
                reader.first_of(scheme),
                partial(reader.month_by, scheme),
                place,
            )

        if len(reader.schemes) == 1:
            return route(reader.schemes[0])
        routes = [(scheme, route(scheme)) for scheme in reader.schemes]
        return several(routes, lambda id: place(reader.read(id).month))

    def _place(self, month: Month) -> Place:
        return month, self.table_name(month)

    def _zone(self) -> tzinfo:
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # OSError: "Asia", a folder
            raise ConfigError(
                f"time zone {self.timezone!r} is unknown; give an IANA name such as Asia/Shanghai"
            ) from error
