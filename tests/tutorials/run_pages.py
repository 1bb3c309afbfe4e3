"""Runs the blocks of pages within one process and one Ray: `run_pages.py PAGES.json RESULTS.json RAY_FOLDER`.

A page is run in a folder of its name, or of the page that it names after a colon, `faq:tutorial_images`. Cells run
within a running event loop, as in a notebook. What each block printed is written to the results, and the first error
ends its page.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import shlex
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import hmlc_ray.sweep  # noqa: F401 - sets Ray's variables, some of which Ray reads when it is imported
from hmlc_ray.cli.app import app


def command(line: str) -> None:
    words = shlex.split(line, comments=True)
    assert words[0] == "hmlc", line
    try:
        app(words[1:], prog_name="hmlc")
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"{line} ended with {end.code}") from None


async def run(block: dict[str, Any], names: dict[str, Any]) -> None:
    if block["kind"] == "python":
        exec(compile(block["text"], f"<line {block['line']}>", "exec"), names)
    elif block["kind"] == "yaml":
        Path(block["text"].split()[1]).write_text(block["text"], encoding="utf-8")
    else:
        for line in block["text"].splitlines():
            command(line)


def outcome(block: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    printed, error = io.StringIO(), None
    with redirect_stdout(printed):
        try:
            asyncio.run(run(block, names))
        except Exception:
            error = traceback.format_exc()
    return {**block, "printed": printed.getvalue(), "error": error}


def main(pages: str, results: str, ray_folder: str) -> None:
    assert "ray" not in sys.modules
    import ray

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, _temp_dir=ray_folder)
    done: dict[str, list[dict[str, Any]]] = {}
    root = Path(results).parent
    for key, blocks in json.loads(Path(pages).read_text(encoding="utf-8")).items():
        name, _, folder = key.partition(":")
        (root / (folder or name)).mkdir(exist_ok=True)
        os.chdir(root / (folder or name))
        names: dict[str, Any] = {"__name__": "__main__"}
        done[name] = []
        for block in blocks:
            done[name].append(outcome(block, names))
            if done[name][-1]["error"]:
                break
    ray.shutdown()
    Path(results).write_text(json.dumps(done), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
