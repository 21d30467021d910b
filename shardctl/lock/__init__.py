"""The one lock of a database: a lease that upgrade, premake, repair and retire hold.

It is a row of the ledger, not a named lock of the server: those are local to a node in Galera
and vanish behind a proxy that shares connections. Each lease has a fencing number greater than
all before it, and every write of the ledger asks for it: a run that was taken over while it
slept can write no more.
"""

from __future__ import annotations

from shardctl.lock.acquire import acquire
from shardctl.lock.lease import Lease
from shardctl.lock.unlock import Freed, unlock

__all__ = ["Freed", "Lease", "acquire", "unlock"]
