"""Rules that a revision waives by a comment in its file: `# shardctl: allow rename-column`."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Collection

from shardctl.errors import RevisionRefused
from shardctl.migrate.work import Revision

_COMMENT = re.compile(r"#\s*shardctl:\s*allow\b(.*)", re.IGNORECASE)


def waived(revision: Revision, known: Collection[str]) -> frozenset[str]:
    """The IDs of the rules that a revision waives, separated by blanks or commas.

    Args:
        known: the IDs that there are.

    Raises:
        RevisionRefused: it waives a rule that there is not, or none.
    """
    if "shardctl:" not in revision.source.lower():
        return frozenset()
    found = set[str]()
    for token in tokenize.generate_tokens(io.StringIO(revision.source).readline):
        if token.type == tokenize.COMMENT and (match := _COMMENT.match(token.string)):
            words = match[1].replace(",", " ").split()
            unknown = [word for word in words if word not in known]
            if unknown or not words:
                raise RevisionRefused(
                    f"{revision}, line {token.start[0]}: '{token.string}' waives "
                    f"{', '.join(unknown) or 'nothing'}; the rules are {', '.join(sorted(known))}"
                )
            found.update(words)
    return frozenset(found)
