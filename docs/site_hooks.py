"""Hooks of the documentation site (`mkdocs.yml`): pages of the repository's root, and links out of the site."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
ROOT_PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
"""Files beside `docs/` that the site shows; `README.md` is the repository's own front page."""
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the pages of the root to the site, with links as in `docs/`."""
    for name in ROOT_PAGES:
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, config: MkDocsConfig, **_: Any) -> str:
    """Links to what is in the repository, but not on the site, lead to the repository, or are shown as text."""

    def link(match: re.Match[str]) -> str:
        text, target, anchor = match["text"], match["target"], match["anchor"] or ""
        if not target.startswith("../"):
            return match[0]
        name = target.removeprefix("../")
        if name in ROOT_PAGES:
            return f"[{text}]({name}{anchor})"
        if not (ROOT / name).exists():
            raise PluginError(f"the link {target} leads to no file of the repository")
        if config.repo_url:
            return f"[{text}]({config.repo_url.rstrip('/')}/blob/main/{name}{anchor})"
        return text

    return _LINK.sub(link, markdown)
