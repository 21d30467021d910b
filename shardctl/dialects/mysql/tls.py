"""One TLS context for all sessions of an engine.

PyMySQL makes one for every connection, which loads all certificates that the machine trusts: that
takes longer than to connect (https://github.com/python/cpython/issues/95031).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pymysql.constants import CLIENT
from sqlalchemy import Engine, event


def share(engine: Engine) -> None:
    """Let an engine's sessions use the TLS context of its first, or none where that has none.

    The first is opened as the URL says, by default with TLS where the server has it; what it has
    come to holds for those that follow.
    """
    shared = _Shared()
    event.listen(engine, "connect", shared.keep)
    event.listen(engine, "do_connect", shared.give)


@dataclass(slots=True)
class _Shared:
    """What the sessions after the first are opened with."""

    arguments: dict[str, Any] = field(default_factory=dict)

    def keep(self, session: Any, _record: object) -> None:
        """Learn from a session how TLS stands."""
        if not self.arguments:
            secured = session.ssl and session.server_capabilities & CLIENT.SSL
            self.arguments = {"ssl": session.ctx} if secured else {"ssl_disabled": True}

    def give(self, _dialect: object, _record: object, _given: object, named: Any) -> None:
        """Open a session with what is known."""
        named.update(self.arguments)
