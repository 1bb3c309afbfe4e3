"""Log-sum-exp over similarities, and its gradient, in blocks of rows.

    lse_ki = log( sum_{a != i} Omega_ka exp(v_i.v_a / tau) + sum_c Psi_kc exp(v_i.q_c / tau) )

for K sets of column weights that share the exponentials; q are further columns (prototypes) without gradient. With
anchor weights b [K, n] the gradient of sum_ki b_ki lse_ki with respect to v is

    1/tau [ W v + X q ],   W_ij = e_ij sum_k ( g_ki Omega_kj + Omega_ki g_kj ),   X_ic = e'_ic sum_k g_ki Psi_kc,

with g_ki = b_ki exp(-lse_ki). W is symmetric like e, so only blocks of one triangle are computed.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from hmlc_ray.objectives.contrast import hardware
from hmlc_ray.objectives.contrast.vectors import ALIGNMENT

BOUND = 60.0
"""Largest 1/tau at which exp(v_i.v_a / tau) of unit vectors, and sums over 1e5 of them, stay normal float32 numbers."""
CPU_BLOCK = 384
"""Most rows per block on a CPU where the caller asks for no number: blocks stay in the cache."""
SMALLEST_BLOCK = 2**24
"""Similarities of a block on an accelerator (64 MB) below which smaller blocks only cost time."""
LOG2_E = 1 / math.log(2)
"""exp(x) is computed as 2^(x log2 e), which is several times faster on a CPU, and as exact."""


@dataclass(frozen=True)
class Columns:
    """Column weights of K denominators.

    `batch` is Omega, float [K, n], or None: K = 1 and ones. `extra` are q [C, d] and Psi [K, C], or None.
    """

    batch: Tensor | None = None
    extra: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True)
class Block:
    """Some rows, and memory for the similarities to them of themselves and all later rows.

    It is a tall matrix, which threads share by its rows: what one has multiplied it also exponentiates and sums, from
    its own cache. Sums are taken share by share, and every share has scratch of its own, for that reason: to write what
    another thread has touched last takes several times longer where their cores have no cache in common.
    """

    rows: slice
    """Start and stop are below n."""
    similarities: Tensor
    """float [rows from the start on, rows]."""
    diagonal: Tensor
    """The part of it that compares a row with itself, [rows]."""
    later: Tensor
    """The part of it beyond the rows themselves: [rows after the stop, rows]."""
    shares: Tensor
    """All of it by threads: [threads, rows from the start on / threads, rows]; by fewer where that leaves a rest."""
    scratch: Tensor
    """Scratch memory of the shape of the shares; a thread's part of it is the same for every block."""

    @property
    def whole_scratch(self) -> Tensor:
        """The same memory in the shape of the similarities, without gaps."""
        return self.scratch.as_strided(self.similarities.shape, self.similarities.stride())


class Blocks:
    """How n rows are divided, with memory that one denominator after the other uses.

    Args:
        like: any tensor of the batch, [n, ...]; gives device and precision.
        chunk: rows per block; memory is then linear in n. None: chosen for speed.
        keep: give every block memory of its own, so that exponentials last from one pass to the next.
    """

    def __init__(self, like: Tensor, chunk: int | None, keep: bool) -> None:
        self.count = len(like)
        self.step = max(1, min(self.count, _step(like, chunk)))
        self.keep = keep and (chunk is None or self.step == self.count)
        self._like = like

    def rows(self) -> list[slice]:
        """The rows of every block."""
        return row_slices(self.count, self.step)

    @cached_property
    def triangle(self) -> list[Block]:
        """The blocks, with memory that is allocated at the first call."""
        scratch = self._like.new_empty(self.step * self.count)
        common = None if self.keep else torch.empty_like(scratch)
        blocks = []
        for rows in self.rows():
            shape = (self.count - rows.start, rows.stop - rows.start)
            own = self._like.new_empty(shape) if common is None else common[: math.prod(shape)].view(shape)
            blocks.append(_block(rows, own, scratch))
        return blocks


def _block(rows: slice, own: Tensor, scratch: Tensor) -> Block:
    """With memory for its similarities, and some that all blocks use."""
    count, width = own.shape
    threads = math.gcd(count, torch.get_num_threads()) if hardware.on_cpu(own) else 1
    shape = (threads, count // threads, width)
    parts = scratch.as_strided(shape, (len(scratch) // threads, width, 1))
    return Block(rows, own, own.diagonal(), own[width:], own.view(shape), parts)


def _step(like: Tensor, chunk: int | None) -> int:
    """Rows per block."""
    if hardware.on_cpu(like):
        return chunk or _even(len(like))
    return max(chunk, SMALLEST_BLOCK // len(like)) if chunk else len(like)


def _even(count: int) -> int:
    """Rows per block where blocks are of about one size, and aligned: the fewest pairs are computed twice."""
    blocks = math.ceil(count / CPU_BLOCK)
    return math.ceil(count / max(1, blocks) / ALIGNMENT) * ALIGNMENT


def row_slices(count: int, step: int) -> list[slice]:
    """n rows in slices of `step`, the last one perhaps shorter."""
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


class Denominator(ABC):
    """Base of the two ways to compute it; call `log_sums` once, then `add_gradient` at most once.

    Args:
        v: rows of length at most 1, float [n, d].
        tau: temperature.
        columns: the column weights.
        blocks: of n rows.
        width: numbers of a row that are not zeros to fill it up, which may save work; None: d.
    """

    def __init__(self, v: Tensor, tau: float, columns: Columns, blocks: Blocks, width: int | None = None) -> None:
        self.v, self.tau, self.columns, self.blocks = v, tau, columns, blocks
        self.unfilled = v if width in (None, v.shape[1]) else v[:, :width]

    @abstractmethod
    def log_sums(self) -> Tensor:
        """lse, float [K, n]; a row without columns gets a finite number."""

    @abstractmethod
    def add_gradient(self, b: Tensor, into: Tensor) -> None:
        """Add that of sum_ki b_ki lse_ki with respect to v to float [n, d].

        b [K, n] is 0 where a row has no columns.
        """


def denominator(v: Tensor, tau: float, columns: Columns, blocks: Blocks, width: int | None = None) -> Denominator:
    """The fast way where exponentials cannot overflow, the safe one below that temperature."""
    return (Triangle if 1 / tau <= BOUND else Rows)(v, tau, columns, blocks, width)


class Triangle(Denominator):
    """Blocks of the lower triangle of e."""

    def log_sums(self) -> Tensor:
        omega, extra = self.columns.batch, self.columns.extra
        sums = self.v.new_zeros((1, len(self.v)) if omega is None else omega.shape)
        for block, own in zip(self.blocks.triangle, torch.split(sums, self.blocks.step, dim=1), strict=True):
            self._exponentials(block)
            start, stop = block.rows.start, block.rows.stop
            if omega is None:
                own += _over_rows(block)
                if len(block.later):
                    sums[0, stop:] += _over_columns(block)
            else:
                own.addmm_(omega[:, start:], block.similarities)
                sums[:, stop:].addmm_(omega[:, start:stop], block.later.T)
            if extra is not None:
                own.addmm_(extra[1], self._extra(block, extra[0]).T)
        self.sums = sums.clamp_min_(torch.finfo(sums.dtype).tiny)
        return self.sums.log()

    def add_gradient(self, b: Tensor, into: Tensor) -> None:
        v = _aligned(self.v)
        result = into if v is self.v else torch.zeros_like(v)
        self._add_gradient(b / (self.sums * self.tau), v, result)
        if result is not into:
            into += result[:, : into.shape[1]]

    def _add_gradient(self, g: Tensor, v: Tensor, result: Tensor) -> None:
        parts = (torch.split(rows, self.blocks.step) for rows in (result, v, g.T))
        for block, result_own, v_own, g_own in zip(self.blocks.triangle, *parts, strict=True):
            if not self.blocks.keep:
                self._exponentials(block)
            self._weigh(block, g, g_own.T)
            result_own.addmm_(block.similarities.T, v[block.rows.start :])
            if len(block.later):
                result[block.rows.stop :].addmm_(block.later, v_own)
            if self.columns.extra is not None:
                q, psi = self.columns.extra
                result_own[:, : q.shape[1]].addmm_(self._extra(block, q).mul_(g_own @ psi), q)

    def _exponentials(self, block: Block) -> None:
        """e of a block; 0 for a row with itself."""
        v, e = self.unfilled, block.similarities
        torch.addmm(e, v[block.rows.start :], v[block.rows].T, beta=0, alpha=LOG2_E / self.tau, out=e)
        e.exp2_()
        block.diagonal.zero_()

    def _extra(self, block: Block, q: Tensor) -> Tensor:
        """e' of a block, float [rows, C]."""
        return torch.mm(self.v[block.rows], q.T).mul_(LOG2_E / self.tau).exp2_()

    def _weigh(self, block: Block, g: Tensor, own: Tensor) -> None:
        """e to W, in place; `own` is g of the block's rows."""
        omega, rows = self.columns.batch, block.rows
        if omega is None:
            left = g[0, rows.start :].view(*block.shares.shape[:2], 1)
            block.shares.mul_(torch.add(left, own, out=block.scratch))
        else:
            left, right = torch.cat([g, omega])[:, rows.start :], torch.cat([omega, g])[:, rows]
            block.similarities.mul_(torch.mm(left.T, right, out=block.whole_scratch))


def _over_rows(block: Block) -> Tensor:
    """Sums over all rows of a block, [rows]."""
    if len(block.shares) == 1:
        return block.similarities.sum(dim=0)
    return block.shares.sum(dim=1).sum(dim=0)


def _over_columns(block: Block) -> Tensor:
    """Sums of a block's later rows, [rows after the stop]."""
    if len(block.shares) == 1:
        return block.later.sum(dim=1)
    return block.shares.sum(dim=2).flatten()[block.shares.shape[2] :]


def _aligned(rows: Tensor) -> Tensor:
    missing = -rows.shape[1] % ALIGNMENT
    return functional.pad(rows, (0, missing)) if missing else rows


class Rows(Denominator):
    """Whole rows in the logarithmic domain: safe at any temperature; e is recomputed for the gradient."""

    def _logits(self, rows: slice) -> Tensor:
        columns = self.v if self.columns.extra is None else torch.cat([self.v, self.columns.extra[0]])
        logits = (self.v[rows] @ columns.T).div_(self.tau)
        logits[:, rows].fill_diagonal_(-torch.inf)
        return logits

    def _log_weights(self) -> Tensor:
        """log Omega and log Psi, float [K, n + C]; columns that do not count are -inf."""
        omega, extra = self.columns.batch, self.columns.extra
        if omega is None:
            omega = self.v.new_ones(1, len(self.v))
        return (omega if extra is None else torch.cat([omega, extra[1]], dim=1)).log()

    def log_sums(self) -> Tensor:
        weights, result = self._log_weights(), []
        for rows in self.blocks.rows():
            logits = self._logits(rows)
            result.append(torch.stack([torch.logsumexp(logits + weight, dim=1) for weight in weights]))
        self.lse = torch.cat(result, dim=1).clamp_min_(torch.finfo(self.v.dtype).min)
        return self.lse

    def add_gradient(self, b: Tensor, into: Tensor) -> None:
        weights, n, over = self._log_weights(), len(self.v), 1 / self.tau
        for rows in self.blocks.rows():
            logits = self._logits(rows)
            p = torch.zeros_like(logits)
            for k, weight in enumerate(weights):
                p.addcmul_((logits + weight).sub_(self.lse[k, rows, None]).exp_(), b[k, rows, None])
            into[rows].addmm_(p[:, :n], self.v, alpha=over)
            into.addmm_(p[:, :n].T, self.v[rows], alpha=over)
            if self.columns.extra is not None:
                into[rows].addmm_(p[:, n:], self.columns.extra[0], alpha=over)
