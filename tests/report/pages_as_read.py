"""What a browser makes of a page's HTML, without one."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any
from xml.etree.ElementTree import Element

import html5lib

_EXTERNAL = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//|^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def parsed(html: str) -> Element:
    """The page; a mistake in its HTML is an error."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    root: Element = parser.parse(html)
    return root


def check(html: str) -> Element:
    """Every rule that all pages keep; gives the page."""
    root = parsed(html)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids)), "an id is used twice"
    assert all(image.get("alt") for image in root.iter("img")), "a picture has no alternative text"
    levels = [int(element.tag[1]) for element in root.iter() if re.fullmatch(r"h[1-6]", str(element.tag))]
    assert levels[0] == 1, "the first heading is not the page's"
    assert levels.count(1) == 1, "there are two page headings"
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels)), "a heading level is left out"
    for attribute in ("aria-labelledby", "aria-describedby"):
        named = [name for element in root.iter() for name in (element.get(attribute) or "").split()]
        assert set(named) <= set(ids), "something is described by what is not there"
    anchors = [str(link.get("href")) for link in root.iter("a")]
    assert {anchor[1:] for anchor in anchors if anchor.startswith("#")} <= set(ids)
    assert all(anchor.startswith(("#", "http://", "https://")) for anchor in anchors)
    assert loaded(root) == []
    return root


def loaded(root: Element) -> list[str]:
    """Addresses that a browser would load something from by itself."""
    found = [
        element.get(name, "") for element in root.iter() for name in ("src", "srcset", "data", "poster", "background")
    ]
    found += [element.get("href", "") for element in root.iter() if element.tag != "a"]
    styles = " ".join(element.text or "" for element in root.iter("style"))
    styles += " ".join(element.get("style", "") for element in root.iter())
    found += re.findall(r"url\(\s*[\"']?([^)\"']*)", styles) + re.findall(r"@import\s+\S+", styles)
    return [address for address in found if _EXTERNAL.match(address) and not address.startswith("data:")]


def specs(root: Element) -> list[dict[str, Any]]:
    """The charts of a page."""
    (element,) = [script for script in root.iter("script") if script.get("id") == "specs"]
    values: list[dict[str, Any]] = json.loads(element.text or "")
    return values


def text_of(root: Element) -> str:
    """What a reader sees of it: all text but scripts and style."""
    body = next(root.iter("body"))
    return " ".join(" ".join(_texts(body)).split())


def _texts(element: Element) -> list[str]:
    if element.tag in ("script", "style", "noscript"):
        return [element.tail or ""]
    inner = [text for child in element for text in _texts(child)]
    return [element.text or "", *inner, element.tail or ""]
