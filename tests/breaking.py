"""A way to a MySQL server that breaks off once, at a statement that a test names."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import make_url

_COM_QUERY = (
    b"\x03"  # https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html
)
_SECONDS = 30  # more than any answer takes

When = Literal["before", "during", "after", "orphaned"]
"""The statement is not delivered; it is, and its answer not awaited; it is answered, but not to the
client; likewise, and the server's session lives on without it."""

At = Callable[[Sequence[str]], bool]
"""Whether to break off at the last of the statements that a session has sent."""


@dataclass
class Breaking:
    """The way, and what a test does with it.

    Attributes:
        url: of the way, for SQLAlchemy.
        met: set when the statement was met; it breaks off once.
        sent: the statements of all sessions.
    """

    url: str
    at: At
    when: When
    met: threading.Event = field(default_factory=threading.Event)
    sent: list[str] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def take(self, sent: Sequence[str]) -> bool:
        """Whether this is the one time to break off."""
        with self.turn:
            if self.met.is_set() or not self.at(sent):
                return False
            self.met.set()
            return True

    def finish(self, statement: str) -> None:
        """Send a statement for the client that was cut off from its session, and await its end."""
        (orphan,) = (way for way in self.ways if way.orphaned)
        orphan.answered.clear()
        text = _COM_QUERY + statement.encode()
        orphan.server.sendall(len(text).to_bytes(3, "little") + b"\0" + text)
        assert orphan.answered.wait(_SECONDS)

    def reset(self) -> None:
        """Break off all connections, so that the next statement cannot even be sent."""
        for way in self.ways:
            with suppress(OSError):
                way.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                way.client.shutdown(socket.SHUT_RD)  # ends the wait for requests, which closes it
            way.threads[0].join(_SECONDS)


@dataclass
class Way:
    """One connection, passed on packet by packet."""

    client: socket.socket
    server: socket.socket
    breaking: Breaking
    sent: list[str] = field(default_factory=list)
    cut: bool = False
    orphaned: bool = False
    answered: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for work in (self._requests, self._answers):
            self.threads.append(threading.Thread(target=work, daemon=True))
            self.threads[-1].start()

    def _requests(self) -> None:
        with suppress(OSError):
            while True:
                packet = self._packet()
                if packet[4:5] == _COM_QUERY:
                    self.sent.append(packet[5:].decode(errors="replace"))
                    self.breaking.sent.append(self.sent[-1])
                    if self.breaking.take(self.sent):
                        self._break(packet)
                        break
                self.server.sendall(packet)
        if not self.orphaned:
            self.close()

    def _break(self, packet: bytes) -> None:
        self.cut = True
        when = self.breaking.when
        if when != "before":
            self.server.sendall(packet)
        if when in ("after", "orphaned"):
            assert self.answered.wait(_SECONDS)
        if when == "orphaned":
            self.orphaned = True
            _close(self.client)

    def _packet(self) -> bytes:
        head = self._exactly(4)
        return head + self._exactly(int.from_bytes(head[:3], "little"))

    def _exactly(self, length: int) -> bytes:
        found = b""
        while len(found) < length:
            more = self.client.recv(length - len(found))
            if not more:
                raise ConnectionResetError
            found += more
        return found

    def _answers(self) -> None:
        with suppress(OSError):
            while data := self.server.recv(65536):
                if self.cut:
                    self.answered.set()
                else:
                    self.client.sendall(data)
        self.close()

    def close(self) -> None:
        _close(self.client)
        _close(self.server)


def _close(end: socket.socket) -> None:
    linger = end.fileno() >= 0 and end.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER)
    if not linger:  # else the end is to be a reset
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def breaking(url: str, at: At, when: When) -> Iterator[Breaking]:
    """A way to a server that breaks off once, where a session's statements satisfy `at`."""
    server = make_url(url)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                onward = socket.create_connection((server.host or "", server.port or 3306))
                way = Way(client, onward, broken)
                broken.ways.append(way)
                ways.callback(way.close)
                way.start()

    with ExitStack() as ways, socket.create_server(("127.0.0.1", 0)) as listener:
        here = server.set(host="127.0.0.1", port=listener.getsockname()[1])
        here = here.update_query_dict({"ssl_disabled": "true"})  # to be read on the way
        broken = Breaking(here.render_as_string(hide_password=False), at, when)
        threading.Thread(target=serve, daemon=True).start()
        yield broken
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def breaking_at_commit(url: str, *, delivered: bool) -> Iterator[str]:
    """The URL of a way to a server that breaks off once, at the first COMMIT of a data clause.

    Args:
        delivered: whether the server still gets the COMMIT.
    """

    def at(sent: Sequence[str]) -> bool:
        data_clause = any(text.startswith("/* shardctl ") and "UPDATE" in text for text in sent)
        return data_clause and sent[-1] == "COMMIT"

    with breaking(url, at, "after" if delivered else "before") as broken:
        yield broken.url
        assert broken.met.is_set(), "no data clause was committed"
