"""The wording of messages, help, docstrings and comments: plain English, by the glossary in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
FOLDERS = ("hmlc_ray",)
"""Folders that are held to it: of Python files the texts, of Markdown files everything."""

_NOT_THERE = r"(?<!\bthere )(?<!\bThere )"
_OTHER = r"(?!longer\b|more\b|less\b|other\b|one\b)"
"""What may follow: `is no longer`."""
TICS = {
    "`is not a ...`, not `is no ...`": rf"{_NOT_THERE}\b(?:is|are|was|were) no {_OTHER}(?=[a-zA-Z{{])",
    "report, show or distinguish, not tell": r"\b[Tt](?:old|ell|ells|elling)\b",
    "resume or continue, not go on": r"\b(?:[Gg]o|[Gg]oes|[Gg]oing|[Ww]ent|[Gg]one) on (?!the\b|a\b|its\b)",
    "status, stalled or means, not stand": r"\b(?:stand|stands|stood|standing|standstill)\b(?!-)",
    "position, path, location or folder, not place": r"\b[Pp]laces?\b",
    "resolve, not settle": r"\b[Ss]ettl(?:e|es|ed|ing)\b",
    "metric, not figure": r"\b[Ff]igures?\b",
    "again, not anew": r"\banew\b",
    "killed or exited, not died without a word": r"without a word",
}
"""What to write instead, and the pattern of what is not written."""

HEADLESS = re.compile(r"(?:Of|By|Per) ")
"""A docstring, or a help text, that begins so has no noun: `Study name.`, not `Of the study.`."""

ALLOWED = (
    r"\bin[ -]place\b",  # the term for an operation that overwrites its input
    r"\bstudy\.tell\b",  # Optuna's method
    r"\bmatplotlib\.figure\b|\bFigure\b",  # matplotlib's class
    r"`figure`",  # a column of the results file, whose name is stored
    r"\bhmlc\.standing\b|\bstanding\.json\b|\bhmlc\.data_place\b",  # stored names
    r"\bnight_stand\b|\btv_stand\b|\btv stand\b|\bnight stand\b",  # classes of ModelNet
)
"""Patterns that are taken out before a text is looked at, with the reason."""


def texts_of(source: str) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether it is a sentence of its own) of each docstring, string with words, and comment.

    A value in an f-string is `{}`, and a line break is a space.
    """
    parts = set()
    for node in ast.walk(ast.parse(source)):
        text = None
        if isinstance(node, ast.JoinedStr):
            parts |= {id(part) for part in node.values}
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        if text is not None and " " in text.strip():
            yield node.lineno, " ".join(text.split()), True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string, False


def texts_in(folder: Path) -> Iterator[tuple[str, str, bool]]:
    """(file and line, text, whether it is a sentence of its own) of a folder or a file."""
    for file in [folder] if folder.is_file() else sorted([*folder.rglob("*.py"), *folder.rglob("*.md")]):
        where, content = file.relative_to(REPOSITORY), file.read_text(encoding="utf-8")
        if file.suffix == ".py":
            for line, text, whole in texts_of(content):
                yield f"{where}:{line}", text, whole
        else:
            for line, text in enumerate(content.splitlines(), start=1):
                yield f"{where}:{line}", text, False


def faults_of(text: str, *, whole: bool) -> list[str]:
    """The wordings of a text that the glossary replaces."""
    for allowed in ALLOWED:
        text = re.sub(allowed, "", text)
    faults = [f"{advice}: {match[0]!r}" for advice, tic in TICS.items() if (match := re.search(tic, text))]
    if whole and HEADLESS.match(text):
        faults.append(f"begin with a noun: {text[:40]!r}")
    return faults


@pytest.mark.parametrize("folder", FOLDERS)
def test_texts_are_plain_english(folder: str) -> None:
    texts = texts_in(REPOSITORY / folder)
    faults = [f"{where}: {fault}" for where, text, whole in texts for fault in faults_of(text, whole=whole)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "text",
    [
        "'a b' is no name of a study",
        "Of the study.",
        "By split.",
        "trials go on from their checkpoints",
        "how the study stands",
        "the classes are told apart",
        "its place in the file",
        "the figures per level",
        "the study is written anew",
    ],
)
def test_the_wordings_are_recognised(text: str) -> None:
    assert faults_of(text, whole=True)


@pytest.mark.parametrize(
    "text",
    [
        "there is no study 'a'",
        "there are no samples",
        "the run is no longer there",
        "Blur each image, in place.",
        "OptunaSearch calls study.tell by itself",
        "'a b' is not a valid study name",
    ],
)
def test_plain_wordings_are_left_alone(text: str) -> None:
    assert not faults_of(text, whole=True)
