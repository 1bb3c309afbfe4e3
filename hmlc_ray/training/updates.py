"""The optimiser's updates of one epoch, of which none makes the weights NaN or infinite."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hmlc_ray.errors import NonFiniteLoss
from hmlc_ray.objectives.base import LossReport

_LOOKED_AT_ONCE = 50
"""Steps. Looking at a value makes the host wait for the GPU."""


class Updates:
    """Gradient, clipping and optimiser step of each batch.

    On the CPU loss and gradient are checked before the step. On a GPU they are checked some steps later, and by
    `finish`: until then the device itself leaves the weights as they are, from the first loss or gradient on that is
    not finite.
    """

    def __init__(
        self, module: nn.Module, optimiser: torch.optim.Optimizer, *, clip_norm: float | None, epoch: int
    ) -> None:
        self._parameters = [p for p in module.parameters() if p.requires_grad]
        self._optimiser, self._clip_norm, self._epoch = optimiser, clip_norm, epoch
        self._deferred = bool(optimiser.defaults.get("fused"))
        self._stopped: Tensor | None = None
        self._pending: list[Tensor] = []
        self._steps = 0

    def step(self, report: LossReport) -> Tensor:
        """One update by a batch's loss; the gradient's norm before clipping.

        Raises:
            NonFiniteLoss: if the loss or the gradient of this step, or on a GPU of one before it, is not finite. The
                weights are those before that step.
        """
        if not self._deferred:
            self._look(self._steps, report.total.item(), report.per_level)
        self._optimiser.zero_grad(set_to_none=True)
        report.total.backward()  # type: ignore[no-untyped-call]
        norm = self._clip()
        if self._deferred:
            self._defer(report, norm)
        else:
            self._look_at_gradient(self._steps, norm.item())
        self._optimiser.step()
        self._steps += 1
        return norm

    def finish(self) -> None:
        """Look at what was not looked at yet.

        Raises:
            NonFiniteLoss: see `step`.
        """
        pending, self._pending = self._pending, []
        seen = torch.stack(pending).cpu() if pending else ()
        for step, values in enumerate(seen, self._steps - len(pending)):
            self._look(step, values[1].item(), values[2:])
            self._look_at_gradient(step, values[0].item())

    def _clip(self) -> Tensor:
        if self._clip_norm is not None:
            return torch.nn.utils.clip_grad_norm_(self._parameters, self._clip_norm)
        return torch.nn.utils.get_total_norm([p.grad for p in self._parameters if p.grad is not None])

    def _defer(self, report: LossReport, norm: Tensor) -> None:
        seen = torch.cat([torch.stack([norm, report.total]), report.per_level]).detach()
        wrong = (~torch.isfinite(seen[:2])).any().float()
        self._stopped = wrong if self._stopped is None else torch.maximum(self._stopped, wrong)
        # Read by fused optimisers, as torch.amp.GradScaler has them do: 1 leaves weights and state as they are.
        self._optimiser.found_inf = self._stopped  # type: ignore[attr-defined]
        self._pending.append(seen)
        if len(self._pending) == _LOOKED_AT_ONCE:
            self._steps += 1
            self.finish()
            self._steps -= 1

    def _look(self, step: int, total: float, per_level: Tensor) -> None:
        if not math.isfinite(total):
            levels = ", ".join(f"{value:g}" for value in per_level.tolist())
            raise NonFiniteLoss(
                f"the loss became {total} in epoch {self._epoch + 1}, step {step + 1} (per level: {levels}); "
                "the weights were not updated. Try a smaller learning rate or a higher temperature"
            )

    def _look_at_gradient(self, step: int, norm: float) -> None:
        if not math.isfinite(norm):
            raise NonFiniteLoss(
                f"the gradient became {norm} in epoch {self._epoch + 1}, step {step + 1}; the weights were not updated"
            )
