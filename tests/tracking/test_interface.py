"""MLflow's page as it is sent on: with the choice of the view in its head."""

from __future__ import annotations

import asyncio
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from hmlc_ray.tracking.interface import Message, with_choice

PAGE = b"<!doctype html><html><head><title>MLflow</title></head></html>"


def sent_on(*parts: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """The headers and the body that arrive of a page that is sent in parts."""
    arrived: list[Message] = []

    async def send(message: Message) -> None:
        arrived.append(message)

    async def page() -> None:
        wrapped = with_choice(send)
        headers = [
            (b"content-length", str(len(b"".join(parts))).encode()),
            (b"ETag", b"x"),
            (b"x-frame-options", b"DENY"),
        ]
        await wrapped({"type": "http.response.start", "status": 200, "headers": headers})
        for number, part in enumerate(parts, start=1):
            await wrapped({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    asyncio.run(page())
    start, body = arrived
    return dict(start["headers"]), body["body"]


@pytest.mark.parametrize("parts", [(PAGE,), (PAGE[:20], PAGE[20:], b"")])
def test_a_page_gets_the_choice_and_its_new_length(parts: tuple[bytes, ...]) -> None:
    headers, body = sent_on(*parts)
    before, script, after = body.partition(b"<script>")
    assert before == b"<!doctype html><html><head>"
    assert b"machine_learning" in after
    assert after.endswith(b"</script><title>MLflow</title></head></html>")
    assert headers == {b"content-length": str(len(body)).encode(), b"x-frame-options": b"DENY"}
    assert script


def test_what_is_no_page_is_sent_as_it_is() -> None:
    headers, body = sent_on(b"")
    assert (headers[b"ETag"], body) == (b"x", b"")


def test_mlflow_finds_it_by_the_package_s_entry_point() -> None:
    """Read from the file that declares it, since an installation may be older."""
    declared: Any = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, name = declared["project"]["entry-points"]["mlflow.app"]["hmlc"].partition(":")
    assert callable(getattr(import_module(module), name))
