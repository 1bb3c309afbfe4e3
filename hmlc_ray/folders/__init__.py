"""The structure of a folder of labelled files, read without opening any: what `hmlc check` needs to count levels.

```
root/fruit/apple/1.png                      class folders of any depth; the path is the class's path in the taxonomy
root/train/fruit/apple/1.png                the same below `train`, `val` and `test`: splits that are given
root/fruit/apple/train/1.png                the same within the classes
root/apple/1.png + root/taxonomy.csv        flat leaves; the table gives each leaf's parents
```
Imports neither torch nor numpy.
"""

from __future__ import annotations

from hmlc_ray.folders.scan import FolderTree, scan_folder
from hmlc_ray.folders.split_names import SPLIT_NAMES, split_role
from hmlc_ray.folders.suffixes import IMAGE_SUFFIXES, MESH_SUFFIXES, POINT_SUFFIXES

__all__ = [
    "IMAGE_SUFFIXES",
    "MESH_SUFFIXES",
    "POINT_SUFFIXES",
    "SPLIT_NAMES",
    "FolderTree",
    "scan_folder",
    "split_role",
]
