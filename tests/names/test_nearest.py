"""What may be meant by a path that does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from hmlc_ray.names.nearest import nearest_path


@pytest.mark.parametrize(
    ("missing", "hint"),
    [
        ("animal", " (did you mean 'animals'?)"),
        ("animal/cats/tabby", " (did you mean 'animals'?)"),
        ("animals/cat", " (did you mean 'cats'?)"),
        ("animal.yaml", " (did you mean 'animals.yaml'?)"),
        ("animal.csv", ""),
        ("animal/cats.yaml", ""),
        ("nosuch.yaml", ""),
        ("other", ""),
    ],
)
def test_the_nearest_of_its_kind(tmp_path: Path, missing: str, hint: str) -> None:
    (tmp_path / "animals" / "cats").mkdir(parents=True)
    (tmp_path / "animals.yaml").touch()
    assert nearest_path(tmp_path / missing) == hint


def test_a_folder_that_cannot_be_listed_has_no_hint() -> None:
    assert nearest_path(Path("none\0")) == ""
