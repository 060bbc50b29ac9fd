"""The server of the page: who is answered, what is refused, and many questions at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest

from shapetrick.web_page.server import MOST_BYTES, PageServer

PATIENCE = 200  # seconds until what is waited for is given up, on a machine that is busy
QUESTION = {"ask": "answers", "text": "x : n; A : n x n; q = x' A x; grad q wrt x"}


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer(time_limit=30) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def sent(
    server: PageServer, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers and the body of an answer."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=PATIENCE)
    try:
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def posted(server: PageServer, question: object, **headers: str) -> tuple[int, Any]:
    """What the page's own script sends, and what it gets."""
    body = question if isinstance(question, bytes) else json.dumps(question).encode()
    own = {"Origin": f"http://127.0.0.1:{server.server_port}", "Content-Type": "application/json"}
    path = f"/{server.token}/answer"
    status, _, found = sent(server, "POST", path, body, **{**own, **headers})
    return status, json.loads(found) if status == 200 else found.decode()


def test_the_files_come_with_the_policy(server: PageServer) -> None:
    for name in ("", "index.html", "page.js", "page.css", "report.css", "icon.svg"):
        status, headers, body = sent(server, "GET", f"/{server.token}/{name}")
        assert status == 200
        assert body
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_a_question_is_answered(server: PageServer) -> None:
    status, found = posted(server, QUESTION)
    assert status == 200
    assert found["results"][0]["text"] == "∂q/∂x = (A + A') x"


@pytest.mark.parametrize(
    "path",
    ["/", "//", "", "*", "/wrong/", "/{token}", "/{token}x/", "/{token}/../pyproject.toml",
     "/{token}/%2e%2e/server.py", "/{token}//etc/passwd", "/{token}/answer"],
)  # fmt: skip
def test_there_is_nothing_else(server: PageServer, path: str) -> None:
    status, _, body = sent(server, "GET", path.format(token=server.token))
    assert status in (400, 404)
    assert server.token.encode() not in body


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Length": str(MOST_BYTES + 1)}, 413),
        ({"Content_Length": "-1"}, 411),
        ({"Content_Length": "many"}, 411),
    ],
)
def test_others_are_refused(server: PageServer, headers: dict[str, str], status: int) -> None:
    assert posted(server, QUESTION, **headers)[0] == status


def test_a_question_without_an_origin_is_refused(server: PageServer) -> None:
    path = f"/{server.token}/answer"
    status, _, _ = sent(server, "POST", path, b"{}", Content_Type="application/json")
    assert status == 403


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_question_is_refused(server: PageServer, body: bytes) -> None:
    assert posted(server, body)[0] == 400


def test_fifty_questions_at_once_are_all_answered(server: PageServer) -> None:
    """Each with another answer, so that none gets a neighbour's."""
    questions = [
        {"ask": "answers", "text": f"x{i} : n; grad (x{i}' x{i}) wrt x{i}"} for i in range(50)
    ]
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda question: posted(server, question), questions))
    assert [status for status, _ in found] == [200] * 50
    texts = [data["results"][0]["text"] for _, data in found]
    assert texts == [f"∂(x{i}' x{i})/∂x{i} = 2 x{i}" for i in range(50)]


def test_who_breaks_off_keeps_nobody_waiting(server: PageServer) -> None:
    for _ in range(80):  # more than are taken at a time
        with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
            connection.sendall(b"POST /")
    assert posted(server, QUESTION)[0] == 200


def test_a_question_of_somebody_who_has_gone_is_dropped(server: PageServer) -> None:
    ours, theirs = socket.socketpair()
    with ours:
        assert server.answer({"ask": "words"}, ours) is not None
        theirs.close()
        assert server.answer({"ask": "words"}, ours) is None


def test_ctrl_c_ends_it_cleanly() -> None:
    run = subprocess.Popen(
        [sys.executable, "-m", "shapetrick", "serve", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    address = run.stdout.readline().strip()
    host, _, rest = address.removeprefix("http://").partition("/")
    connection = HTTPConnection(host, timeout=PATIENCE)
    connection.request("GET", f"/{rest}")
    assert connection.getresponse().status == 200
    os.kill(run.pid, signal.SIGINT)
    _, errors = run.communicate(timeout=PATIENCE)
    assert run.returncode == 0
    assert errors == ""


def test_a_port_that_is_taken_is_told(server: PageServer) -> None:
    call = [sys.executable, "-m", "shapetrick", "serve", "--port", str(server.server_port)]
    run = subprocess.run([*call, "--no-browser"], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert f"cannot listen on port {server.server_port}" in run.stderr
