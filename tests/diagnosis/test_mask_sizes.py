from __future__ import annotations

from hmlc_ray.diagnosis.mask_sizes import mask_sizes, metric_names


def test_sizes_follow_the_refits_of_a_run() -> None:
    metrics = {"mask/dims/0": [(2, 12.0), (4, 10.0)], "mask/dims/1": [(2, 12.0), (4, 14.0)]}
    found = mask_sizes(metrics, 2, 24)
    assert found is not None
    assert found.epochs.tolist() == [2, 4]
    assert found.dims.tolist() == [[12, 12], [10, 14]]


def test_of_gates_their_mean_counts_for_every_dimension() -> None:
    gates = {"train/gate_mean/0": [(1, 0.5), (2, 0.25)], "train/gate_mean/1": [(1, 1.0), (2, 0.75)]}
    found = mask_sizes(gates, 2, 8)
    assert found is not None
    assert found.dims.tolist() == [[4, 8], [2, 6]]


def test_without_epochs_there_are_no_sizes() -> None:
    assert mask_sizes({}, 2, 8) is None
    assert mask_sizes(dict.fromkeys(metric_names(2), ()), 2, 8) is None
    assert mask_sizes({"mask/dims/0": [(2, 12.0)]}, 2, 8) is None, "one level of two"
