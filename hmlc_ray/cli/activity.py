"""What a command is doing, while it is: a spinner on a terminal, elsewhere a line now and then. Both on stderr."""

from __future__ import annotations

import sys
import threading
from contextlib import AbstractContextManager

from hmlc_ray.machine.activity import LOOK_S, Latest, in_lines, shown


def activity(first: str) -> AbstractContextManager[None]:
    """Show what the block is doing; nothing where it is done within a second.

    Args:
        first: what it does until it says so.
    """
    return shown(first, _spin if sys.stderr.isatty() else in_lines(_line))


def _line(text: str) -> None:
    from hmlc_ray.cli.guard import say

    say(f"hmlc: {text}")


def _spin(latest: Latest, ended: threading.Event) -> None:
    if ended.wait(LOOK_S):
        return
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    spinner = Spinner("dots")

    def render() -> Spinner:
        spinner.update(text=Text(latest.text, no_wrap=True, overflow="ellipsis"))
        return spinner

    # Results are printed to stdout after the block; notes to stderr, within it, come above the spinner.
    console = Console(stderr=True, soft_wrap=True)  # commands in notes stay whole
    with Live(get_renderable=render, console=console, transient=True, redirect_stdout=False):
        ended.wait()
