"""Addresses of a Jobs API at which none answers: one sentence, within seconds."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from hmlc_ray.errors import ClusterError, JobError
from hmlc_ray.sweep.cluster import internals, token
from hmlc_ray.sweep.jobs import head
from hmlc_ray.sweep.jobs.client import connect
from hmlc_ray.sweep.jobs.head import Head, lost_head


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")  # the machine's user may have a token of a cluster of their own


@pytest.fixture(params=[connect, Head])
def ask(request: pytest.FixtureRequest) -> Callable[[str], object]:
    """Both ask a head: Ray's client, and what lists jobs without it."""
    asks: Callable[[str], object] = request.param
    return asks


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("nonsense", "--address 'nonsense' is not the address of a Jobs API; one looks like http://HEAD:8265"),
        ("http://", "--address 'http://' is not the address"),
        ("http://h:99999", "--address 'http://h:99999' is not the address"),
        ("ray://127.0.0.1:10001", "--address 'ray://127.0.0.1:10001' is not the address"),
        ("http://127.0.0.1:1", "no Jobs API can be reached at --address http://127.0.0.1:1 (no connection)"),
        ("http://[::1]:1", "no Jobs API can be reached at --address http://[::1]:1 (no connection)"),
    ],
)
def test_where_nothing_answers(ask: Callable[[str], object], address: str, sentence: str) -> None:
    with pytest.raises(ClusterError, match=re.escape(sentence)):
        ask(address)


def test_a_password_is_refused_and_not_shown(ask: Callable[[str], object]) -> None:
    with pytest.raises(ClusterError, match="--address must not hold a password") as raised:
        ask("http://u:s3cret@127.0.0.1:1")
    assert "s3cret" not in str(raised.value)


def test_a_host_that_takes_the_connection_and_says_nothing(
    ask: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "ANSWER_S", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begin = time.monotonic()
        with pytest.raises(ClusterError, match=r"\(no answer in time\)"):
            ask(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert time.monotonic() - begin < 5


class Other(BaseHTTPRequestHandler):
    """A web server that is no Ray head."""

    def do_GET(self) -> None:
        status, text = {"/plain": (200, b"hello"), "/token": (401, b"Unauthorized: Missing authentication token")}.get(
            "/" + self.path.split("/")[1], (404, b"")
        )
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("", "no Jobs API can be reached"), ("/plain", "no Jobs API can be reached"), ("/token", "asks for a token")],
)
def test_what_answers_is_no_head_or_wants_a_token(
    ask: Callable[[str], object], other: str, path: str, sentence: str
) -> None:
    with pytest.raises(ClusterError, match=sentence):
        ask(other + path)


def test_a_head_that_is_lost_later_is_nobodys_mistake() -> None:
    sentence = r"the head at http://h was lost \(no connection\); the job may still run"
    with pytest.raises(JobError, match=sentence), lost_head("http://h"):
        raise ConnectionResetError


def test_the_token_of_a_request_is_the_one_that_ray_sends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (token.TOKEN, token.TOKEN_FILE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(token.MODE, "token")
    places = {token.TOKEN: "a" * 64, token.TOKEN_FILE: str(tmp_path / "named"), "": str(tmp_path / ".ray/auth_token")}
    (tmp_path / ".ray").mkdir()
    for name, value in places.items():
        with monkeypatch.context() as context:
            if name != token.TOKEN:
                Path(value).write_text("b" * 64 + "\n")
            if name:
                context.setenv(name, value)
            internals.forget_token()
            assert token.own_header() == internals.token_header() != {}
    internals.forget_token()
    monkeypatch.setenv(token.MODE, "disabled")
    assert token.own_header() == {}
