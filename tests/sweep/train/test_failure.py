"""The meaning of Ray's messages about the end of a process."""

from __future__ import annotations

import pytest

from hmlc_ray.sweep.train.failure import death

DEAD = "The actor died unexpectedly before finishing this task.\n\tclass_name: ImplicitFunc\n"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (
            "Task was killed due to the node running low on memory.\nMore words.",
            "OutOfMemory: the node ran low on memory",
        ),
        (f"{DEAD}The actor died because its node has died.", "NodeDied: the node on which the trial trained failed"),
        (f"{DEAD}Worker exit type: SYSTEM_ERROR", "WorkerDied: the trial's process exited without an error message"),
        ("Failure # 1 (occurred at x)\nnode low on memory\nFailure # 2 (occurred at y)\nIt died.\n", "WorkerDied: "),
        ("Failure # 1 (occurred at x)\nsomething else\n", "something else"),
        ("", "unknown error"),
    ],
)
def test_a_death_is_told_in_a_sentence(text: str, meaning: str) -> None:
    assert death(text).startswith(meaning)
    assert "\n" not in death(text)
