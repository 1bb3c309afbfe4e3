"""Pictures of a study in Optuna's own plotting, drawn by a process of their own.

Optuna's pictures use matplotlib's global state and style, and their cost grows with a study: in a process of their own
they change nothing here, and can be given up.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState, create_trial

from hmlc_ray.errors import first_line
from hmlc_ray.sweep.outcome.searched import MISSING_FILE, STUDY_FILE, DrawnStudy, DrawnTrial, Value
from hmlc_ray.taxonomies.drawing import printable, save_figure

_MOST_PARAMS = 12
_STATES = {"completed": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
_WIDTH, _HEIGHT, _NARROW = 8.0, 5.0, 3.0
"""Inches of a picture, and of one of several side by side."""
_LONG = 6
"""Characters of a label that has to be turned."""


def draw_all(drawn: DrawnStudy, folder: Path) -> list[str]:
    """Write every picture that the study has enough trials for; return a sentence for each one that failed."""
    from hmlc_ray.sweep.outcome.own_pictures import OWN

    study, missing = copied(drawn), []
    every: dict[str, Callable[[], object]] = {
        **{name: partial(draw, study, drawn) for name, draw in _PICTURES.items()},
        **{name: partial(draw, drawn) for name, draw in OWN.items()},
    }
    for name, draw in every.items():
        mpl.rcdefaults()  # some of Optuna's pictures change the style of those after them
        try:
            axes = draw()
            if axes is not None:
                _save(axes, folder / f"{name}.png")
        except Exception as error:  # Optuna and matplotlib have errors of many kinds
            missing.append(f"{name}: {type(error).__name__}: {first_line(error)}")
    return missing


def copied(drawn: DrawnStudy) -> optuna.Study:
    """The study in memory, with readable parameters and the values of every evaluation."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize" if drawn.mode == "max" else "minimize")
    study.set_metric_names([drawn.metric])
    ranges = {name: _distribution(drawn, name) for name in drawn.params}
    study.add_trials([_trial(trial, drawn, ranges) for trial in drawn.trials if trial.status in _STATES])
    return study


def _trial(trial: DrawnTrial, drawn: DrawnStudy, ranges: dict[str, BaseDistribution]) -> FrozenTrial:
    params = {name: value for name, value in trial.params.items() if name in ranges}
    params = {
        name: str(value) if isinstance(ranges[name], CategoricalDistribution) else value
        for name, value in params.items()
    }
    return create_trial(
        state=_STATES[trial.status] if trial.value is not None else TrialState.FAIL,
        params=params,
        distributions={name: ranges[name] for name in params},
        value=trial.value,
        intermediate_values=drawn.curves.get(trial.number, {}),
    )


def _distribution(drawn: DrawnStudy, name: str) -> BaseDistribution:
    """The range of a parameter's values in the study."""
    values: list[Value] = [trial.params[name] for trial in drawn.trials if name in trial.params]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        return CategoricalDistribution(sorted({str(value) for value in values}))
    low, high = min(numbers), max(numbers)
    if all(isinstance(value, int) for value in numbers):
        return IntDistribution(int(low), int(high), log=name in drawn.log and low > 0)
    return FloatDistribution(low, high, log=name in drawn.log and low > 0)


def _history(study: optuna.Study, drawn: DrawnStudy) -> object:
    axes = optuna.visualization.matplotlib.plot_optimization_history(study)
    axes.set_ylabel(drawn.metric)
    return axes


def _importances(study: optuna.Study, drawn: DrawnStudy) -> object:
    return optuna.visualization.matplotlib.plot_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


def _parallel(study: optuna.Study, drawn: DrawnStudy) -> object:
    return optuna.visualization.matplotlib.plot_parallel_coordinate(study, params=_known(study, drawn))


def _slices(study: optuna.Study, drawn: DrawnStudy) -> object:
    return optuna.visualization.matplotlib.plot_slice(study, params=_known(study, drawn))


def _contour(study: optuna.Study, drawn: DrawnStudy) -> object:
    """The temperature and the coarsest level's weight, or of the first two numbers that were searched."""
    known = _known(study, drawn)
    weights = [name for name in known if name.startswith("level_weights ")]
    numbers = [name for name in known if not isinstance(_distribution(drawn, name), CategoricalDistribution)]
    first = [name for name in ("temperature", *weights[:1]) if name in known]
    pair = list(dict.fromkeys([*first, *numbers]))[:2]
    return optuna.visualization.matplotlib.plot_contour(study, params=pair) if len(pair) == 2 else None


def _front(study: optuna.Study, drawn: DrawnStudy) -> object:
    """Coarse against leaf, over completed trials."""
    if drawn.levels is None:
        return None
    stem = drawn.metric.rpartition("/")[0]
    both = optuna.create_study(directions=[study.direction, study.direction])
    both.add_trials([create_trial(values=list(trial.front)) for trial in drawn.trials if trial.front])
    if not both.trials:
        return None
    names = [f"{stem}/{printable(level)}" for level in drawn.levels]
    return optuna.visualization.matplotlib.plot_pareto_front(both, target_names=names)


def _curves(study: optuna.Study, drawn: DrawnStudy) -> object:
    """Completed trials in colour, pruned ones in grey; a legend of hundreds would hide them."""
    if not any(trial.intermediate_values for trial in study.trials):
        return None
    axes = optuna.visualization.matplotlib.plot_intermediate_values(study)
    drawn_trials = [trial for trial in study.trials if trial.intermediate_values]
    for line, trial in zip(axes.lines, drawn_trials, strict=False):
        if trial.state != TrialState.COMPLETE:
            line.set(color="0.6", linestyle="--", linewidth=1, zorder=1)
    axes.set(title="Learning curves: completed trials in colour, pruned ones dashed", xlabel="epoch")
    axes.set_ylabel(drawn.metric)
    if (legend := axes.get_legend()) is not None:
        legend.remove()
    return axes


def _known(study: optuna.Study, drawn: DrawnStudy) -> list[str]:
    """The searched parameters that a completed trial has, as many as a picture holds."""
    done = {name for trial in study.trials if trial.state == TrialState.COMPLETE for name in trial.params}
    return [name for name in drawn.params if name in done][:_MOST_PARAMS]


def _save(axes: Any, file: Path) -> None:
    """Write the picture that some axes, or an array of them, are in."""
    from matplotlib import pyplot

    several = [*axes.flat] if hasattr(axes, "flat") else [axes]
    figure = several[0].figure
    figure.set_size_inches(max(_WIDTH, _NARROW * len(several)), _HEIGHT)
    for each in figure.axes:
        labels = each.get_xticklabels(which="both")
        if len(several) > 1 or any(len(label.get_text()) > _LONG for label in labels):
            for label in labels:
                label.set(rotation=30, ha="right")
    save_figure(figure, file, dpi=110, bbox_inches="tight")
    pyplot.close(figure)


_PICTURES: dict[str, Callable[[optuna.Study, DrawnStudy], object]] = {
    "1-history": _history,
    "2-importances": _importances,
    "3-parallel-coordinates": _parallel,
    "4-slices": _slices,
    "5-contour": _contour,
    "6-coarse-against-leaf": _front,
    "7-learning-curves": _curves,
}


if __name__ == "__main__":
    mpl.use("agg")
    target = Path(sys.argv[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = DrawnStudy.model_validate_json((target / STUDY_FILE).read_text(encoding="utf-8"))
        failed = draw_all(given, target / "pictures")
    (target / MISSING_FILE).write_text("\n".join(failed), encoding="utf-8")
