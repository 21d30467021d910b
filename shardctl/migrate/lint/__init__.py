"""What in a revision is destructive, blocks others or breaks running code, told before it runs.

Each rule is a module beside this one. A rule judges by how a table looks before and after each
clause; only where the clause is of its kind does it ask the database for more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from shardctl.migrate.finding import Finding
from shardctl.migrate.lint import (
    drop_column,
    drop_index,
    key_not_binary,
    large_update,
    lose_rows,
    narrow_type,
    not_null_over_nulls,
    not_null_without_default,
    rebuild_large,
    rename_column,
    unique_duplicates,
    unique_narrowed,
)
from shardctl.migrate.lint.rule import Rule
from shardctl.migrate.lint.subject import Subject
from shardctl.migrate.lint.waiver import waived

RULES: Final[tuple[Rule, ...]] = (
    lose_rows.RULE,
    drop_column.RULE,
    narrow_type.RULE,
    not_null_over_nulls.RULE,
    drop_index.RULE,
    unique_narrowed.RULE,
    unique_duplicates.RULE,
    rename_column.RULE,
    not_null_without_default.RULE,
    key_not_binary.RULE,
    rebuild_large.RULE,
    large_update.RULE,
)
"""All rules, in the order in which their findings are told."""


def lint(subject: Subject) -> tuple[Finding, ...]:
    """What the rules find in a revision, without the warnings that it waives.

    Raises:
        RevisionRefused: it waives a rule that there is not.
    """
    allowed = waived(subject.revision, [rule.id for rule in RULES])
    findings = (
        replace(finding, waived=finding.rule in allowed)
        for rule in RULES
        for finding in rule.look(subject)
    )
    return tuple(
        finding for finding in findings if finding.severity == "destructive" or not finding.waived
    )
