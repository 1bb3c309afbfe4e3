"""Work on two real processes of a gloo group."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp


def on_two_processes(work: Callable[[int], dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """What a function at the top of a module returns for each rank; `folder` is an empty one, for its own files."""
    mp.spawn(_run, args=(work, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def _run(rank: int, work: Callable[[int], dict[str, Any]], folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/init", rank=rank, world_size=2)
    torch.save(work(rank), f"{folder}/{rank}.pt")
    dist.barrier()
    # Without the interpreter's end: DDP keeps gloo's threads alive beyond `destroy_process_group`, and one that lets go
    # of a tensor while the interpreter goes down now and then aborts the process (compare pytorch#179291).
    os._exit(0)
