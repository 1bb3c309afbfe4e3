"""Lists the installed distributions with their versions and licences, as CSV.

It needs nothing but Python, so it runs in an image as it is:

    docker run --rm -i hmlc-ray:0.2.0-cpu python - < docker/licences.py > licences.csv
"""

from __future__ import annotations

import csv
import sys
from email.message import Message
from importlib.metadata import distributions

UNKNOWN = "not stated"


def licence_of(metadata: Message) -> str:
    """The SPDX expression, else the classifiers, else the first line of `License`; `not stated` without any."""
    expression = metadata.get("License-Expression")
    if expression:
        return str(expression)
    classifiers = [
        str(line).rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier", [])
        if str(line).startswith("License :: ") and str(line) != "License :: OSI Approved"
    ]
    stated = str(metadata.get("License") or "").strip()
    first = stated.splitlines()[0].strip() if stated and stated.upper() != "UNKNOWN" else ""
    return "; ".join(classifiers) or first or UNKNOWN


def rows() -> list[tuple[str, str, str]]:
    """Name, version and licence of each distribution, by name; of two with one name, the one that is imported."""
    found: dict[str, tuple[str, str, str]] = {}
    for distribution in distributions():
        name = str(distribution.metadata["Name"])
        found.setdefault(name.lower(), (name, distribution.version, licence_of(distribution.metadata)))
    return [found[name] for name in sorted(found)]


if __name__ == "__main__":
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerows([("name", "version", "licence"), *rows()])
