"""The blocks of a page of `docs/` or of a notebook, in the order in which a reader runs them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(?P<kind>python|sh|yaml|text)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# (\S+\.yaml)\n")


@dataclass(frozen=True)
class Block:
    """What is run: Python, commands, or a YAML file that is written; and what it has to print."""

    kind: str
    text: str
    line: int
    expected: str | None = None
    """What a `text` block right below it shows; `...` is any text, as in doctests."""


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, or the cells of a notebook.

    A `yaml` block that begins with `# NAME.yaml` is that file; others only show something. A block without a
    language is not run.
    """
    if page.suffix == ".ipynb":
        cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
        return [
            Block("python", "".join(cell["source"]), number, None)
            for number, cell in enumerate(cells, start=1)
            if cell["cell_type"] == "code"
        ]
    found: list[Block] = []
    page_text = page.read_text(encoding="utf-8")
    for match in _FENCE.finditer(page_text):
        line = page_text.count("\n", 0, match.start()) + 1
        kind, text = match["kind"], match["text"]
        if kind == "text":
            last = found.pop()
            assert last.expected is None, f"{page.name}, line {line}: the block above has its output"
            found.append(Block(last.kind, last.text, last.line, text))
        elif kind != "yaml" or _FILE.match(text):
            found.append(Block(kind, text, line))
    return found


def written(pages: dict[str, list[Block]], file: Path) -> None:
    """Hand the blocks of several pages over to `run_pages.py`."""
    file.write_text(json.dumps({name: [asdict(block) for block in blocks] for name, blocks in pages.items()}))
