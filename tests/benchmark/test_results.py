"""The results file is read back strictly, and survives a writer that was killed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hmlc_ray.benchmark.results import SCHEMA, Line, ResultsFile
from hmlc_ray.errors import StudyError


def line(**changes: Any) -> Line:
    values: dict[str, Any] = {
        "schema": SCHEMA, "phase": "cell", "suite": "s", "data": "d", "arm": "a", "number": 3, "identity": "i",
        "fingerprint": "f", "searched": {}, "levels": ["p", "q"], "value": 0.5, "metrics": {"probe_top1/p": 0.25},
        "seconds": 1.5, "run_id": "r", "store": "sqlite", "version": "1", "commit": "", "finished": "t",
        "hardware": "h",
    }  # fmt: skip
    return Line(**(values | changes))


def test_lines_are_read_back_as_they_were_added(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "results.jsonl"
    first, second = line(), line(number=4, identity="j", value=None, error="NonFiniteLoss: nan")
    results = ResultsFile(file, "s")
    results.add(first)
    results.add(second)
    results.add(first)  # once is enough
    assert ResultsFile(file, "s").lines == [first, second]
    assert ResultsFile(file, "another").lines == []


def test_a_torn_last_line_is_left_out_and_what_follows_begins_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    ResultsFile(file, "s").add(line())
    file.write_bytes(file.read_bytes() + json.dumps(asdict(line(number=9))).encode()[:50])
    results = ResultsFile(file, "s")
    assert [known.number for known in results.lines] == [3]
    results.add(line(number=4, identity="j"))
    assert [known.number for known in ResultsFile(file, "s").lines] == [3, 4]


@pytest.mark.parametrize("kept", [0, 1, 40, *range(-60, 0)])
def test_a_line_that_was_torn_anywhere_is_left_out(kept: int, tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    ResultsFile(file, "s").add(line())
    whole = json.dumps(asdict(line(number=9)), sort_keys=True).encode()
    for text in (whole, json.dumps({"metrics": {}, **asdict(line(number=9))}).encode()):
        torn = text[: text.index(b"}") + 1] if kept == 0 else text[:kept]
        file.write_bytes(json.dumps(asdict(line())).encode() + b"\n" + torn + b"\0" * 7)
        assert [known.number for known in ResultsFile(file, "s").lines] == [3]


def test_one_process_adds_lines_and_the_next_one_knows_them(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    first, second = ResultsFile(file, "s"), ResultsFile(file, "s")
    with first.held():
        with pytest.raises(StudyError, match=r"results.jsonl is in use: another process runs a suite on it"):
            second.held().__enter__()
        first.add(line())
    with second.held():
        assert second.lines == [line()]
        second.add(line())
    assert len(file.read_bytes().splitlines()) == 1


def test_a_pipe_or_a_device_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(StudyError, match=r"cannot be used: it is not a regular file"):
            ResultsFile(file, "s")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{]}", r'it is not JSON \(a key must be in double quotes \(`"`\)\); restore'),
        ("[1]", "its schema is None, and this version reads 1"),
        (json.dumps(asdict(line()) | {"schema": 2}), "its schema is 2, and this version reads 1"),
        (json.dumps({k: v for k, v in asdict(line()).items() if k != "arm"}), "it lacks arm"),
        (json.dumps(asdict(line()) | {"arms": 1}), "it has the unknown key 'arms'"),
        (json.dumps(asdict(line()) | {"number": "3"}), "number is '3'"),
        (json.dumps(asdict(line()) | {"number": True}), "number is True"),
        (json.dumps(asdict(line()) | {"phase": "run"}), "phase is 'run'"),
        (json.dumps(asdict(line()) | {"metrics": {"x": "high"}}), "metrics is {'x': 'high'}"),
        (json.dumps(asdict(line()) | {"levels": [1]}), r"levels is \[1\]"),
    ],
)
def test_what_is_not_a_line_is_refused_with_its_number(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(json.dumps(asdict(line())) + "\n" + text + "\n")
    with pytest.raises(StudyError, match=rf"results.jsonl, line 2: {sentence}"):
        ResultsFile(file, "s")


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"the results file .* cannot be used: it is not a regular file"):
        ResultsFile(tmp_path, "s")
