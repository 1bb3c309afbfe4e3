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
FOLDERS = ("hmlc_ray", "docs", "README.md", "CONTRIBUTING.md", "search_spaces")
"""What is held to it: the texts of Python files, the comments of YAML files, the paragraphs of Markdown files."""

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
    r"`figures\.py`",  # the module that computes metrics, in the map
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


def paragraphs_of(page: str) -> Iterator[tuple[int, str, bool]]:
    """(line, text, whether it is a heading) of each paragraph, item and table row of a Markdown page.

    The glossary's section is left out, since it names what is not written.
    """
    start, text, glossary = 1, "", False
    for line, content in enumerate([*page.splitlines(), ""], start=1):
        if not content.strip() or re.match(r"\s*(?:[-#|]|```)", content):
            if text and not glossary:
                yield start, text.lstrip("# "), text.startswith("#")
            start, text = line, content.strip()
            glossary = content == "## Glossary" or (glossary and not content.startswith("## "))
        else:
            start, text = (start, f"{text} {content.strip()}") if text else (line, content.strip())


def comments_of(space: str) -> Iterator[tuple[int, str, bool]]:
    """(line, text, False) of each comment of a YAML file; lines of comments that follow one another are one text."""
    start, text = 1, ""
    for line, content in enumerate([*space.splitlines(), ""], start=1):
        comment = content.partition("#")[2].strip()
        if text and not content.lstrip().startswith("#"):
            yield start, text, False
            text = ""
        start, text = (start, f"{text} {comment}") if text else (line, comment)


READERS = {".py": texts_of, ".md": paragraphs_of, ".yaml": comments_of}


def texts_in(folder: Path) -> Iterator[tuple[str, str, bool]]:
    """(file and line, text, whether it is a sentence of its own) of a folder or a file."""
    for file in [folder] if folder.is_file() else sorted(folder.rglob("*.*")):
        if file.suffix in READERS:
            for line, text, whole in READERS[file.suffix](file.read_text(encoding="utf-8")):
                yield f"{file.relative_to(REPOSITORY)}:{line}", text, whole


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


def test_every_paragraph_of_a_page_is_read_but_the_glossary() -> None:
    page = """## Of training

- a trial that goes
  on with it

| a | told |
```
text
```
## Glossary

| "told" | "reported" |

## After

| 1 | 2 |
"""
    expected = [
        (1, "Of training", True),
        (3, "- a trial that goes on with it", False),
        (6, "| a | told |", False),
        (7, "``` text", False),
        (9, "```", False),
        (14, "After", True),
        (16, "| 1 | 2 |", False),
    ]
    assert list(paragraphs_of(page)) == expected


def test_the_comments_of_a_search_space_are_read() -> None:
    space = "# Trials go\n# on.\nbase:\n  data: {}  # told\n"
    assert list(comments_of(space)) == [(1, "Trials go on.", False), (4, "told", False)]
