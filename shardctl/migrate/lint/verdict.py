"""Tells what lint finds in a revision, and refuses what is destructive and not allowed."""

from __future__ import annotations

from collections.abc import Sequence

from shardctl.errors import Destructive
from shardctl.migrate.finding import Finding
from shardctl.migrate.work import Revision
from shardctl.report import Note, Report


def judge(
    revision: Revision,
    findings: Sequence[Finding],
    report: Report,
    *,
    allowed: bool,
    dry_run: bool,
) -> None:
    """Tell the findings in a revision that is about to run to whoever watches.

    Args:
        allowed: whether it may be destructive.
        dry_run: whether nothing runs, so that nothing is refused either.

    Raises:
        Destructive: it is, and may not be; nothing was changed.
    """
    destructive = [finding for finding in findings if finding.severity == "destructive"]
    refused = destructive if not (allowed or dry_run) else []
    for finding in findings:
        if finding in refused:
            continue
        if finding in destructive and dry_run:
            way_on = ". shardctl refuses it without --allow-destructive"
            report(Note(f"{revision}: {finding}{way_on}"))
        elif not finding.waived:
            report(Note(f"{revision}: {finding}"))
    if refused:
        between = "\n  " if len(refused) > 1 else " "
        raise Destructive(
            f"{revision} is destructive:"
            + "".join(f"{between}{finding}" for finding in refused)
            + "\nNothing was changed; if that is what you want, run it again with "
            "--allow-destructive"
        )
