"""CUDA graphs: when a run asks for one, and what a learner does with it. The kernels themselves are compared by
`benchmarks/gpu.py --part correctness` on a GPU."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from hmlc_ray.config.encoder import EncoderConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.encoders import build_encoder
from hmlc_ray.errors import TrainingError
from hmlc_ray.training import graphs, learner
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord
from hmlc_ray.training.fit import FitResult, fit
from hmlc_ray.training.graphs import GraphedNetwork
from hmlc_ray.training.learner import Learner

OWN = {"convnet", "resnet18", "resnet34", "resnet50", "mlp", "identity", "pointnet", "dgcnn"}
"""Encoders whose passes are known to launch the same kernels each time; those of other libraries may wait for some."""


def config(objective: str = "g-hmlc", epochs: int = 3, **changes: Any) -> TrialConfig:
    return TrialConfig.model_validate(
        {
            "encoder": {"kind": "mlp", "hidden_dim": 32, "feature_dim": 16},
            "head": {"hidden_dim": 16, "embedding_dim": 16},
            "objective": {"kind": objective},
            "training": {"epochs": epochs, "cpu_threads": 1},
            "evaluation": {"every": epochs, "probe_regularisation": [0.1]},
        }
        | changes
    )


def ignore(record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
    """No report."""


class Replayed(GraphedNetwork):
    """Runs what it captured; there are no CUDA graphs here."""

    calls = 0

    def __init__(self, run: Callable[[Tensor], Tensor], network: nn.Module, inputs: Tensor) -> None:
        self.shape, self.dtype, self._run = inputs.shape, inputs.dtype, run

    def __call__(self, inputs: Tensor) -> Tensor:
        Replayed.calls += 1
        return self._run(inputs)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Learner, torch.Size]]:
    """The graphs that learners were asked for, which they then have, though the device is a CPU."""
    asked: list[tuple[Learner, torch.Size]] = []

    def replay(self: Learner, shape: torch.Size, *, amp: bool, taken: int) -> None:
        asked.append((self, shape))
        self._graph = Replayed(lambda views: self._launched(views, amp=amp), self, torch.zeros(shape).flatten(0, 1))

    monkeypatch.setattr(Learner, "replay", replay)
    monkeypatch.setattr(Replayed, "calls", 0)
    return asked


def weights(result: FitResult) -> dict[str, Tensor]:
    return result.checkpoint.state["learner"]


@pytest.mark.parametrize("objective", ["g-hmlc", "a-hmlc", "cross-entropy"])
def test_from_the_second_epoch_on_a_run_replays_and_is_the_same_run(
    made: list[tuple[Learner, torch.Size]], monkeypatch: pytest.MonkeyPatch, objective: str
) -> None:
    result = fit(config(objective), ignore)
    assert [shape[0] for _, shape in made] == [2]
    steps, samples = Replayed.calls, made[0][1][1]
    assert steps == 2 * (len(result.data.train) // samples), "the epochs but the first"
    assert not result.learner.replays, "its memory was not given up"

    monkeypatch.setattr(Learner, "replay", lambda *_, **__: None)
    undisturbed = fit(config(objective), ignore)
    assert Replayed.calls == steps
    assert all(torch.equal(value, weights(undisturbed)[name]) for name, value in weights(result).items())


def test_a_graph_is_given_up_where_a_run_is_broken_off(made: list[tuple[Learner, torch.Size]]) -> None:
    def stop(record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
        if record.epoch == 2:
            assert made[0][0].replays
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(config(), stop)
    assert not made[0][0].replays


def test_one_epoch_needs_no_graph(made: list[tuple[Learner, torch.Size]]) -> None:
    fit(config(epochs=1), ignore)
    assert made == []


def test_batches_of_another_shape_or_precision_are_launched() -> None:
    network = Replayed(lambda inputs: inputs, nn.Linear(2, 2), torch.zeros(8, 2))
    assert network.fits(torch.ones(8, 2))
    assert not network.fits(torch.ones(7, 2))
    assert not network.fits(torch.ones(8, 2, dtype=torch.float64))


def test_on_a_cpu_there_is_none() -> None:
    run = fit(config(epochs=2), ignore)
    run.learner.replay(torch.Size([2, 8, 1, 8, 8]), amp=False)
    assert not run.learner.replays


def test_only_encoders_that_are_known_to_allow_it_are_captured() -> None:
    shapes = {"pointnet": (16, 3), "dgcnn": (16, 3), "identity": (8,), "mlp": (8,)}
    kinds = {get_args(member.model_fields["kind"].annotation) for member in get_args(get_args(EncoderConfig)[0])}
    assert {name for names in kinds for name in names} >= OWN
    for member in get_args(get_args(EncoderConfig)[0]):
        for kind in get_args(member.model_fields["kind"].annotation):
            if kind in OWN:
                values = {"kind": kind} | ({"neighbours": 4} if kind == "dgcnn" else {})
                assert build_encoder(member.model_validate(values), shapes.get(kind, (3, 8, 8))).capturable


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `graphed` asks of a GPU, answered without one: `free` bytes of memory, and what a capture does."""
    fake: dict[str, Any] = {"free": 100, "capture": lambda run, arguments, **options: run, "warm": 0}

    def warm(run: Callable[[Tensor], Tensor], network: nn.Module, inputs: Tensor) -> None:
        fake["warm"] += 1
        run(inputs)

    monkeypatch.setattr(graphs, "_warm_up", warm)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (fake["free"], 1000))
    monkeypatch.setattr(
        torch.cuda, "make_graphed_callables", lambda *given, **options: fake["capture"](*given, **options)
    )
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "usual")
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: fake.update(stream=stream))
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: nullcontext())
    return fake


def normed() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_a_capture_leaves_the_networks_statistics_and_the_stream_as_they_were(gpu: dict[str, Any]) -> None:
    network, inputs = normed(), torch.randn(8, 3)
    assert graphs.graphed(network, network, inputs, taken=50) is not None
    assert gpu["warm"] == 1
    assert gpu["stream"] == "usual"
    assert network[1].num_batches_tracked == 0
    assert not network[1].running_mean.any()


def test_no_graph_where_memory_is_short(gpu: dict[str, Any]) -> None:
    network, inputs = normed(), torch.randn(8, 3)
    assert graphs.graphed(network, network, inputs, taken=51) is None
    assert gpu["warm"] == 0, "the memory was taken all the same"

    def full(*given: Any, **options: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    gpu["capture"] = full
    assert graphs.graphed(network, network, inputs, taken=1) is None
    assert (gpu["stream"], network[1].num_batches_tracked) == ("usual", 0)


def test_no_graph_where_it_is_not_wanted(gpu: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    network, inputs = normed(), torch.randn(8, 3)
    monkeypatch.setenv("HMLC_CUDA_GRAPHS", "0")
    assert graphs.graphed(network, network, inputs, taken=1) is None


def test_an_encoder_that_cannot_be_captured_is_named_with_the_remedy(gpu: dict[str, Any]) -> None:
    def waits(*given: Any, **options: Any) -> None:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    gpu["capture"] = waits
    network = normed()
    with pytest.raises(
        TrainingError, match=r"^the encoder says `capturable = True`, .* HMLC_CUDA_GRAPHS=0 does without$"
    ):
        graphs.graphed(network, network, torch.randn(8, 3), taken=1)
    assert (gpu["stream"], network[1].num_batches_tracked) == ("usual", 0)


def test_what_a_replay_gave_stays_when_the_next_writes_to_the_same_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    place = torch.empty(2, 2)

    def capture(run: Callable[..., Tensor], arguments: tuple[Tensor, ...], **options: Any) -> Callable[..., Tensor]:
        return lambda inputs, *_: place.copy_(inputs).detach()

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", capture)
    graph = GraphedNetwork(lambda inputs: inputs, nn.Identity(), torch.zeros(2, 2))
    first = graph(torch.ones(2, 2))
    graph(torch.zeros(2, 2))
    assert first.tolist() == [[1, 1], [1, 1]]


def test_what_extends_an_encoder_has_to_ask_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may do what the class that it extends does not."""

    class Own(type(build_encoder(TypeAdapter(EncoderConfig).validate_python({"kind": "mlp"}), (8,)))):  # type: ignore[misc]
        pass

    asked: list[nn.Module] = []
    monkeypatch.setattr(learner, "graphed", lambda run, network, inputs, taken: asked.append(network))
    run = fit(config(epochs=1), ignore).learner
    monkeypatch.setattr(Learner, "leaf_paths", SimpleNamespace(device=SimpleNamespace(type="cuda")), raising=False)
    monkeypatch.setattr(torch, "zeros", lambda shape, device: torch.ones(shape))
    del run._buffers["leaf_paths"]
    run.replay(torch.Size([2, 8, 1, 8, 8]), amp=False)
    assert len(asked) == 1
    run.encoder.__class__ = Own
    run.replay(torch.Size([2, 8, 1, 8, 8]), amp=False)
    assert len(asked) == 1


def test_a_network_without_parameters_is_not_captured() -> None:
    assert graphs.graphed(lambda inputs: inputs, nn.Identity(), torch.zeros(2, 2), taken=0) is None


def test_torch_is_given_the_parameters_and_gives_back_what_the_network_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def capture(run: Callable[..., Tensor], arguments: tuple[Tensor, ...], **options: Any) -> Callable[..., Tensor]:
        given.extend(arguments)
        assert options == {"num_warmup_iters": 0, "allow_unused_input": True}
        return run

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", capture)
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2).requires_grad_(False))
    inputs = torch.randn(5, 3)
    graph = learner.GraphedNetwork(network, network, inputs)
    assert [id(tensor) for tensor in given] == [id(inputs), *map(id, network[0].parameters())]
    torch.testing.assert_close(graph(inputs), network(inputs))
