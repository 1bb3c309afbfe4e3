"""Grocery Store: photographs of products in shops (Klasson, Zhang, Kjellstroem, arXiv 1901.00711)."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np

from hmlc_ray.config.data import GroceryConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.splits import divide
from hmlc_ray.data.stored import Listing, read_splits
from hmlc_ray.errors import DataError
from hmlc_ray.folders import SPLIT_NAMES
from hmlc_ray.tables.csv_files import BadTable, read_lines, read_table
from hmlc_ray.taxonomy import Taxonomy

_PRODUCT, _PRODUCT_ID, _GROUP = "Class Name (str)", "Class ID (int)", "Coarse Class Name (str)"

Lines = list[tuple[Path, int]]


def load(config: GroceryConfig) -> DataSet:
    """uint8 [N, 3, image_size, image_size]; the published train, val and test splits. Val lacks some products.

    `root` holds `classes.csv` and per split a list of images with product and group ids (`train.txt`, ...), as
    published. The department is the folder below the split's.

    Raises:
        DataError: if a list or an image is missing or unreadable, or a line is wrong.
        TaxonomyError: if a product appears in two departments.
    """
    root = Path(config.root).expanduser().absolute()
    products = _read_products(root / "classes.csv")
    lines = {name: _read_lines(root, f"{name}.txt", products) for name in SPLIT_NAMES}
    known = chain(*lines.values()) if config.untrained == "keep" else lines["train"]
    taxonomy = _taxonomy(root, products, list(known))
    splits = read_splits({name: _listing(pairs) for name, pairs in lines.items()}, config, root, channels=3)
    return divide(config, taxonomy, splits["train"], splits["val"], splits["test"])


def _read_products(file: Path) -> list[tuple[str, str]]:
    """Group and name of each product, by product id."""
    try:
        (_, header), *body = read_table(file, [_PRODUCT_ID.casefold()])
        product_id, group, product = (header.index(name) for name in (_PRODUCT_ID, _GROUP, _PRODUCT))
        rows = {int(row[product_id]): (row[group], row[product]) for _, row in body}
        return [rows[number] for number in range(len(rows))]
    except OSError as error:
        raise DataError(f"cannot read {str(file)!r}: data.root must hold the Grocery Store set as published") from error
    except (LookupError, ValueError) as error:
        raise DataError(f"{str(file)!r} is not the Grocery Store set's table of classes ({error!r})") from error


def _read_lines(root: Path, name: str, products: list[tuple[str, str]]) -> Lines:
    file = root / name
    try:
        lines = list(read_lines(file))
    except OSError as error:
        raise DataError(f"cannot read {str(file)!r}: data.root must hold the Grocery Store set as published") from error
    except BadTable as error:
        raise DataError(f"cannot read {str(file)!r}: {error}") from error
    return [_read_line(root, line, f"line {n} of {str(file)!r}", products) for n, line in lines]


def _read_line(root: Path, line: str, where: str, products: list[tuple[str, str]]) -> tuple[Path, int]:
    path, *ids = (part.strip() for part in line.rstrip(",").replace("\\", "/").split(","))
    if len(ids) != 2 or not ids[0].isdecimal() or int(ids[0]) >= len(products) or len(Path(path).parts) < 3:
        raise DataError(f"{where} must be an image's path, its product id (below {len(products)}) and its group id")
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise DataError(f"{where} leads out of the data folder: {path!r}")
    return root / path, int(ids[0])


def _taxonomy(root: Path, products: list[tuple[str, str]], lines: Lines) -> Taxonomy:
    departments = {product: file.relative_to(root).parts[1] for file, product in lines}
    missing = [name for product, (_, name) in enumerate(products) if product not in departments]
    if missing:
        raise DataError(
            f"there is no training image of the product {missing[0]!r} (data.untrained: keep accepts what only val and "
            "test have)"
        )
    paths = [(departments[product], *names) for product, names in enumerate(products)]
    return Taxonomy.from_paths(GroceryConfig.LEVELS, paths)


def _listing(lines: Lines) -> Listing:
    return Listing([file for file, _ in lines], np.array([product for _, product in lines], dtype=np.int64))
