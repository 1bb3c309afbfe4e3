"""Three products of Grocery Store, with its lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_images import make_images

PRODUCTS = ("Fruit/Apple/Gala", "Fruit/Kiwi", "Vegetables/Leek")
CLASSES = """Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int),Iconic Image Path (str)
Gala,0,Apple,0,x
Kiwi,1,Kiwi,1,x
Leek,2,Leek,2,x
"""


def make(folder: Path) -> dict[str, Any]:
    (folder / "classes.csv").write_text(CLASSES)
    for split, count, products in (("train", 4, PRODUCTS), ("val", 1, PRODUCTS[:2]), ("test", 2, PRODUCTS)):
        make_images(folder / split, products, count)
        lines = [f"{split}/{p}/{i}.png, {PRODUCTS.index(p)}, 0\n" for p in products for i in range(count)]
        (folder / f"{split}.txt").write_text("".join(lines))
    return {"root": str(folder), "image_size": 8}
