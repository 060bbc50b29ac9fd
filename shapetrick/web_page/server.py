"""The page on this machine: files and answers over HTTP, for its own browser alone.

It listens on 127.0.0.1; the address holds a random token, and a request that comes from another
page or by another name is refused. Expressions are shared by all threads, so questions are answered
one at a time, the others wait; one whose asker has gone is dropped.
"""

from __future__ import annotations

import json
import secrets
import select
import socket
import threading
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .answers import answer
from .assets import TYPES, assets

HOST = "127.0.0.1"
MOST_BYTES = 5_000_000  # of a question: more than the longest text that is read
MOST_CONNECTIONS = 64  # at a time; others wait until they are taken
PATIENCE = 20.0  # seconds until a silent connection is closed
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types shapetrick"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address is a secret
    "X-Content-Type-Options": "nosniff",
}


class PageServer(ThreadingHTTPServer):
    """Serves the page at `address`; raises OSError where the port is taken."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int = 0, time_limit: float | None = None) -> None:
        super().__init__((HOST, port), _Handler)
        self.time_limit = time_limit
        self.token = secrets.token_urlsafe(24)
        self.secret = self.token.encode()
        self.assets = assets()
        self._engine = threading.Lock()
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)

    @cached_property
    def address(self) -> str:
        """What a browser opens."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    @cached_property
    def names(self) -> frozenset[str]:
        """By what the server may be called; any other name is that of somebody else's page."""
        return frozenset(f"{host}:{self.server_port}" for host in (HOST, "localhost"))

    def answer(self, question: Mapping[str, Any], asker: socket.socket) -> dict[str, Any] | None:
        """The answer, when the earlier questions have theirs; None if nobody waits for it."""
        with self._engine:
            return None if _has_gone(asker) else answer(question, self.time_limit)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection when there is room for one."""
        self._free.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle a connection, and make room for another."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks off is nobody's fault."""


def _has_gone(asker: socket.socket) -> bool:
    """Whether the other side has closed its connection."""
    try:
        readable, _, _ = select.select([asker], [], [], 0)
        return bool(readable) and not asker.recv(1, socket.MSG_PEEK)
    except OSError:
        return True


class _Handler(BaseHTTPRequestHandler):
    """One request for a file, or one question."""

    server: PageServer
    timeout = PATIENCE
    server_version = "shapetrick"
    sys_version = ""

    def do_GET(self) -> None:
        """A file of the page."""
        name = self._asked_for()
        if name is None:
            return
        path = self.server.assets.get(name or "index.html")
        if path is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such file.")
            return
        self._send(path.read_bytes(), TYPES[path.suffix])

    def do_POST(self) -> None:
        """A question."""
        name = self._asked_for()
        if name is None:
            return
        length = self.headers.get("Content-Length", "")
        if name != "answer":
            self._refuse(HTTPStatus.NOT_FOUND, "questions go to `answer`.")
        elif self.headers.get("Origin") is None:
            self._refuse(HTTPStatus.FORBIDDEN, "questions come from the page.")
        elif self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a question is JSON.")
        elif not length.isdecimal() or "Transfer-Encoding" in self.headers:
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "a question says how long it is.")
        elif int(length) > MOST_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "that is too long a text.")
        else:
            self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes) -> None:
        try:
            question = json.loads(body)
        except (ValueError, RecursionError):
            question = None
        if not isinstance(question, dict):
            self._refuse(HTTPStatus.BAD_REQUEST, "a question is an object in JSON.")
            return
        found = self.server.answer(question, self.connection)
        if found is not None:
            text = json.dumps(found, ensure_ascii=False, allow_nan=False)
            self._send(text.encode("utf-8", "replace"), "application/json")

    def _asked_for(self) -> str | None:
        """What is asked for behind the token; None where the request was refused: it comes from
        elsewhere, or does not know the token."""
        origin, site = self.headers.get("Origin"), self.headers.get("Sec-Fetch-Site", "none")
        named = self.headers.get("Host", "")
        theirs = origin is not None and origin != f"http://{named}"
        if named not in self.server.names or theirs or site not in ("none", "same-origin"):
            self._refuse(HTTPStatus.FORBIDDEN, "this page is for its own browser alone.")
            return None
        match self.path.partition("?")[0].split("/", 2):
            case "", token, name if secrets.compare_digest(token.encode(), self.server.secret):
                return name
        self._refuse(HTTPStatus.NOT_FOUND, "open the address that the server printed.")
        return None

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send(f"{why}\n".encode(), "text/plain; charset=utf-8", status)

    def _send(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), **HEADERS}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is the person's."""
