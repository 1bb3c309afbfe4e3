"""The one module that imports torchvision: `from hmlc_ray.compute.torchvision_shim import torchvision`.

torchvision's published wheel is built for CUDA torch. Beside a CPU-only torch its extension does not load, and the
import then fails because it registers fake kernels for two operators that the extension would have defined. Declaring
the two schemas first lets the import through; the operators themselves stay unusable, and nothing here uses them.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def _extension_loads() -> bool:
    """Whether torchvision's compiled operators can be loaded beside this torch (loading twice is harmless)."""
    spec = find_spec("torchvision")
    folders = (spec.submodule_search_locations or []) if spec else []
    for library in (path for folder in folders for path in Path(folder).glob("_C*")):
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return True
    return False


def _declare_missing_operators() -> torch.library.Library | None:
    """Declare what the import needs; the declarations live as long as the object returned."""
    if torch.version.cuda is not None or _extension_loads():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name, schema in _SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)  # type: ignore[no-untyped-call]
    return library


_KEPT_ALIVE = _declare_missing_operators()

import torchvision  # noqa: E402  # only now can it be imported

__all__ = ["torchvision"]
