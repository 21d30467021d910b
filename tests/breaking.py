"""A way to a MySQL server that breaks off at the COMMIT of a data clause, and only there."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from sqlalchemy import make_url

_COM_QUERY = (
    b"\x03"  # https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query.html
)


@dataclass
class Way:
    """One connection, passed on packet by packet.

    Attributes:
        delivered: whether the COMMIT still reaches the server; its answer is lost in any case.
        broken: set when the COMMIT was met; none is broken off a second time.
    """

    client: socket.socket
    server: socket.socket
    delivered: bool
    broken: threading.Event
    at_commit: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        for work in (self._requests, self._answers):
            threading.Thread(target=work, daemon=True).start()

    def _requests(self) -> None:
        data_clause = False
        with suppress(OSError):
            while not self.at_commit.is_set():
                packet = self._packet()
                text = packet[4:]
                data_clause |= text.startswith(_COM_QUERY + b"/* shardctl ") and b"UPDATE" in text
                if data_clause and text == _COM_QUERY + b"COMMIT" and not self.broken.is_set():
                    self.broken.set()
                    self.at_commit.set()
                if not self.at_commit.is_set() or self.delivered:
                    self.server.sendall(packet)
            if self.delivered:
                self.answered.wait(timeout=30)
        self.close()

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
                if self.at_commit.is_set():
                    self.answered.set()
                    return
                self.client.sendall(data)
        self.close()

    def close(self) -> None:
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def breaking_at_commit(url: str, *, delivered: bool) -> Iterator[str]:
    """The URL of a way to a server that breaks off once, at the first COMMIT of a data clause.

    Args:
        delivered: whether the server still gets the COMMIT.
    """
    server, broken = make_url(url), threading.Event()

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                onward = socket.create_connection((server.host or "", server.port or 3306))
                way = Way(client, onward, delivered, broken)
                ways.callback(way.close)
                way.start()

    with ExitStack() as ways, socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        here = server.set(host="127.0.0.1", port=listener.getsockname()[1])
        here = here.update_query_dict({"ssl_disabled": "true"})  # to be read on the way
        yield here.render_as_string(hide_password=False)
        assert broken.is_set(), "no data clause was committed"
        listener.shutdown(socket.SHUT_RDWR)
