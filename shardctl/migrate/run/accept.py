"""Records how a month is stored unlike the template, where the user let it be rebuilt for that."""

from __future__ import annotations

from collections.abc import Sequence

from shardctl.catalog import Member
from shardctl.migrate.learn.trial import Step
from shardctl.migrate.run.send import Sender
from shardctl.migrate.site import Site
from shardctl.structure import differences


def accept(site: Site, sender: Sender, member: Member, steps: Sequence[Step]) -> None:
    """Record of a month why steps were carried out in another way, and what that accepts.

    It accepts how the month is stored (compressed, say), which is no drift from now on; whatever
    else it differs in is.

    Args:
        steps: those that have taken effect though the month refuses their algorithm.
    """
    if not steps or member.month is None:
        return
    template = Member(member.family, site.families[member.family].template)
    seen = site.look([template, member])
    if template.table not in seen or member.table not in seen:
        return
    found = differences(seen[template.table], seen[member.table])
    stored = [str(difference) for difference in found if difference.only_storage]
    sender.settle()
    for step in steps:
        words = f"let be rebuilt, as it cannot be {step.algorithm}: {step.refused}"
        sender.lease.ledger.accept(
            sender.connection, *sender.run, step.numbers, member.table, words, stored
        )
