"""Making a family's template from one of its months."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from shardctl.catalog import references
from shardctl.clause import Names
from shardctl.dialects import Statement, execute
from shardctl.errors import Refused, StepFailed
from shardctl.lifecycle.database import has_rows
from shardctl.lifecycle.survey import Survey
from shardctl.lock import Lease
from shardctl.migrate.site import Site
from shardctl.structure import differences


def refuse(site: Site, found: Survey, *, named: bool) -> None:
    """Refuse a table of the template's name that cannot be the template.

    Args:
        named: whether the month that the template is to be like was asked for by name.

    Raises:
        Refused: it has rows, or it is not like the month that was named.
    """
    name, template = found.family.name, found.family.template
    if found.roster.template is None:
        return
    if has_rows(site, template):
        raise Refused(
            f"{template} has rows, and the template must be empty: let another table be it, with "
            f'[families.{name}] and template = "{name}_template" in the configuration (it is '
            "made where it is absent), and run adopt again"
        )
    seen = site.look([found.roster.template, found.source])
    unlike = differences(seen[template], seen[found.source.table])
    if named and any(not difference.only_position for difference in unlike):
        raise Refused(
            f"{template} exists, is empty, and is not like {found.source.table} "
            f"({'; '.join(map(str, unlike))}): leave out --from to take it as the template, or "
            "drop it to have it made anew"
        )


def make(site: Site, connection: Connection, lease: Lease, found: Survey) -> None:
    """Make the template like the source month, empty, its constraints under declared names.

    Raises:
        StepFailed: the server refused, or the copy is not like the month; there is none then.
    """
    dialect, template = site.database.dialect, found.family.template
    plain = _statements(site, connection, found, "")
    # Names that are unique in the schema may be taken by a month that bears them undecorated.
    other = _statements(site, connection, found, f"_{template}")
    try:
        try:
            _create(site, connection, lease, plain)
        except DBAPIError:
            if other == plain or dialect.index_names_per_database:
                raise
            _create(site, connection, lease, other)
    except DBAPIError as error:
        raise StepFailed(
            f"template {template} cannot be made like {found.source.table}: "
            f"{dialect.words(error)}; nothing was changed"
        ) from error
    tables = dialect.structures(connection, [template, found.source.table])
    unlike = differences(
        tables[found.source.table].referring(references(site.families, found.source.month)),
        tables[template].referring(references(site.families, None)),
    )
    if unlike:
        execute(connection, Statement(f"DROP TABLE {dialect.quote(template)}"))
        raise StepFailed(
            f"a copy of {found.source.table} came out different "
            f"({'; '.join(map(str, unlike))}); no template was made of it"
        )


def declaration(site: Site, found: Survey) -> tuple[str, ...]:
    """The SQL that makes the template under the family's name, as a revision writes it."""
    dialect, families = site.database.dialect, site.families
    definition = dialect.definition(site.connection, found.family.template)
    names = {family.template: family.name for family in families.values()}
    statements = [s.sql for s in dialect.copy(definition, found.family.name, Names(names))]
    if all(template == name for template, name in names.items()):
        statements[0] = definition.create  # a copy could not have the constraints' own names
    return tuple(statements)


def _statements(
    site: Site, connection: Connection, found: Survey, tag: str
) -> tuple[Statement, ...]:
    month = found.source.month
    assert month is not None
    tables = {family.table_name(month): family.template for family in site.families.values()}
    dialect = site.database.dialect
    return dialect.copy(
        dialect.definition(connection, found.source.table),
        found.family.template,
        Names(tables, tag=tag),
        source_tag=found.family.suffix.format(month),
    )


def _create(
    site: Site, connection: Connection, lease: Lease, statements: tuple[Statement, ...]
) -> None:
    lease.check()
    with site.database.dialect.transaction(connection):
        for statement in statements:
            execute(connection, statement, f"shardctl {lease.token}")
