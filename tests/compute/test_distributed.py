from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gloo import on_two_processes
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from hmlc_ray.compute import distributed

ROWS = torch.arange(21, dtype=torch.float32).reshape(7, 3).sin()
COUNTS = ((4, 3), (7, 0))


def test_without_a_process_group_nothing_changes() -> None:
    x = torch.randn(3, 2, requires_grad=True)
    assert (distributed.rank(), distributed.world_size(), distributed.is_distributed()) == (0, 1, False)
    assert distributed.all_gather_rows(x) is x
    assert distributed.broadcast_from_rank0(x) is x
    assert distributed.broadcast_object({"a": 1}) == {"a": 1}
    assert distributed.gather_counts(3) == (3,)


def _loss(rows: torch.Tensor) -> torch.Tensor:
    """Couples every pair of rows, as a contrastive loss does."""
    return (rows @ rows.T).exp().sum(1).log().sum()


def _worker(rank: int) -> dict[str, object]:
    results: dict[str, object] = {
        "ranks": (distributed.rank(), distributed.world_size()),
        "object": distributed.broadcast_object({"from": rank}),
        "tensor": distributed.broadcast_from_rank0(torch.full((2,), float(rank))),
    }
    for counts in COUNTS:
        mine = ROWS.split(counts)[rank]
        ints = distributed.all_gather_rows(mine.mul(100).long())
        flags = distributed.all_gather_rows(mine > 0, counts)
        half = distributed.all_gather_rows(mine.bfloat16())
        model = DistributedDataParallel(_linear())
        gathered = distributed.all_gather_rows(model(mine))
        loss = _loss(gathered)
        loss.backward()
        grad = model.module.weight.grad
        results[str(counts)] = (ints, flags, half, loss.detach(), grad)
    return results


def _linear() -> nn.Linear:
    layer = nn.Linear(3, 4, bias=False)
    nn.init.constant_(layer.weight, 0.1)
    layer.weight.data += torch.arange(12).reshape(4, 3) / 20
    return layer


@pytest.mark.slow
def test_two_processes_get_the_rows_and_the_gradient_of_one(tmp_path: Path) -> None:
    both = on_two_processes(_worker, tmp_path)
    model = _linear()
    loss = _loss(model(ROWS))
    loss.backward()
    assert model.weight.grad is not None
    for rank, results in enumerate(both):
        assert results["ranks"] == (rank, 2)
        assert results["object"] == {"from": 0}
        assert results["tensor"].tolist() == [0, 0]
        for counts in COUNTS:
            ints, flags, half, loss_2, grad = results[str(counts)]
            torch.testing.assert_close(ints, ROWS.mul(100).long())
            torch.testing.assert_close(flags, ROWS > 0)
            torch.testing.assert_close(half, ROWS.bfloat16())
            torch.testing.assert_close(loss_2, loss.detach(), rtol=1e-6, atol=0)
            torch.testing.assert_close(grad, model.weight.grad, rtol=1e-6, atol=1e-6)
