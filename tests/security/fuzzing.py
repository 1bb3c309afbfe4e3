"""What the fuzz tests share: how many examples, how bytes are damaged, and what may come out."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from hmlc_ray.errors import UserError

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
FUZZ = settings(
    max_examples=20_000 if LONG else 150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""`make fuzz` sets HYPOTHESIS_PROFILE=long."""


@st.composite
def damaged(draw: st.DrawFn, whole: bytes, tokens: tuple[bytes, ...]) -> bytes:
    """A file's bytes after a few edits: pieces cut out, repeated, or replaced by a token or by noise."""
    content = whole
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = min(len(content), start + draw(st.sampled_from((0, 0, 1, 4, 40, 400))))
        piece = draw(
            st.sampled_from((*tokens, b"", content[start:stop] * 2))
            | st.binary(max_size=6)
            | st.text(max_size=4).map(_raw)
        )
        content = content[:start] + piece + content[stop:]
    return content


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def refusal(load: Callable[[], object]) -> str:
    """What an input is refused with, empty where it is taken; any error that is not this package's gets through."""
    try:
        load()
    except UserError as error:
        sentence = str(error)
        assert sentence
        assert "\n" not in sentence, sentence
        assert len(sentence) < 2000, sentence[:2000]
        return sentence
    return ""


@contextmanager
def bounded(seconds: float, megabytes: int) -> Iterator[None]:
    """The block takes at most so much of a core's time, and raises this process's peak memory by at most so much."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert time.process_time() - start < seconds
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < megabytes
