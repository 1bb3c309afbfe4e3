"""The summary of a study, in words that need no other page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import isclose

from hmlc_ray.names.counts import are, many
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.report.content.encoder import EncoderContent
from hmlc_ray.report.content.levels import LevelResult
from hmlc_ray.report.content.study import StudyContent
from hmlc_ray.report.page.blocks import Block, Section, Text
from hmlc_ray.report.sections.words import duration, listed, number, percent
from hmlc_ray.study import schema
from hmlc_ray.study.schema import StudyStatus, TrialStatus
from hmlc_ray.study.summary import TrialRow

_OPEN = {
    StudyStatus.RUNNING: "The study is still running: this is its state when the report was made.",
    StudyStatus.WAITING: "The study waits for its job to start.",
    StudyStatus.INTERRUPTED: "The study was interrupted and can be resumed: this is what it has so far.",
    StudyStatus.STOPPED: "The study's job was stopped: this is what it has so far.",
    StudyStatus.DIED: "The study's driver is dead and the study is not complete: this is what it has so far.",
    StudyStatus.FAILED: "The study failed: this is what it has.",
}
_FEW_JUDGED = 100


def summary_section(study: StudyContent) -> Section:
    """What was searched, what came out, and what to be careful about."""
    blocks: list[Block] = []
    if study.overview.state in _OPEN:
        blocks.append(Text(_OPEN[study.overview.state], "warning"))
    blocks += [Text(_searched(study)), Text(_outcomes(study))]
    blocks += [Text(sentence) for sentence in _best(study)]
    blocks += [Text(sentence, "warning") for sentence in warnings_of(study)]
    return Section("summary", "Summary", tuple(blocks))


def _searched(study: StudyContent) -> str:
    base = study.sweep.base
    kinds = study.sweep.search_space().branches.get("objective")
    objective = list(kinds) if kinds else [str((base.get("objective") or {}).get("kind", "the default objective"))]
    data = str((base.get("data") or {}).get("kind", "digits"))
    names = [parameter.name for parameter in study.parameters]
    what = (
        f"over {many(len(names), 'parameter')}: {listed(names)}"
        if names
        else "without a parameter that has a value yet"
    )
    return (
        f"The study {study.name} trains encoders with {listed(objective)} on {data} and searches {what}. It ranks "
        f"trials by {study.metric} ({'larger' if study.sweep.study.mode == 'max' else 'smaller'} is better)."
    )


def _outcomes(study: StudyContent) -> str:
    counts = Counter(row.status for row in study.rows)
    if not study.rows:
        return f"No trial has started yet; {many(study.planned, 'trial')} are planned."
    parts = [f"{counts[status]} {status.value}" for status in TrialStatus if counts[status]]
    seconds = sum(row.seconds or 0.0 for row in study.rows)
    took = f" They took {duration(seconds)} of training in all." if seconds else ""
    return f"{len(study.rows)} of {many(study.planned, 'planned trial')} have started: {listed(parts)}.{took}"


def _best(study: StudyContent) -> Iterator[str]:
    best = study.best
    if best is None or best.value is None:
        yield "No trial is complete, so there is no best one."
        return
    yield f"The best is trial {best.number} with {study.metric} {number(best.value)}{_ahead(study, best)}."
    if study.encoder is not None:
        yield from level_sentences(study.encoder, refit=study.encoder.run.run_id != best.run_id)
    if study.seeds is not None:
        parts = [
            f"{level} {percent(own.mean)} [{percent(own.low)}, {percent(own.high)}]"
            for level, own in study.seeds.by_level.items()
        ]
        yield (
            f"The best configuration ran under {many(study.seeds.seeds, 'seed')}; the mean of its "
            "linear probe on validation, "
            f"with the 95 % bootstrap interval over the seeds: {listed(parts)}."
        )


def _ahead(study: StudyContent, best: TrialRow) -> str:
    """How far it is ahead of the second and of the median trial."""
    done = [row.value for row in study.with_status(TrialStatus.COMPLETED) if row.value is not None]
    if len(done) < 2 or best.value is None:
        return "; no other trial is complete"
    median = sorted(done)[len(done) // 2]
    return (
        f", {_lead(best.value, done[1])} the second, trial {study.rows[1].number}, and {_lead(best.value, median)} the "
        f"median of {many(len(done), 'completed trial')}"
    )


def _lead(best: float, other: float) -> str:
    """The lead in words; a difference by rounding does not count as one."""
    return "the same as" if isclose(best, other, rel_tol=1e-9) else f"{number(abs(best - other))} ahead of"


def level_sentences(encoder: EncoderContent, *, refit: bool) -> Iterator[str]:
    """The linear probe per level on the best split that was judged."""
    shown = [result for result in encoder.levels if "probe_top1" in result.values]
    if not shown:
        return
    own = [result for result in shown if result.split == shown[0].split]
    who = "Trained again on train and validation (the refit), it" if refit else "It"
    where = "the test split" if own[0].split == "test" else "the validation split"
    samples = f" ({many(own[0].samples, 'sample')})" if own[0].samples else ""
    yield f"{who} reaches on {where}{samples}, by a linear probe: {listed([_level(result) for result in own])}."
    if any(result.interval for result in own):
        yield (
            "Brackets are 95 % Wilson intervals: what the number of judged samples leaves open. Another seed of the "
            "training can differ by more."
        )


def _level(result: LevelResult) -> str:
    text = f"{result.level} {percent(result.values['probe_top1'])}"
    if result.interval is None:
        return text
    low, high = result.interval
    return f"{text} [{percent(low)}, {percent(high)}]"


def warnings_of(study: StudyContent) -> Iterator[str]:
    """What a reader should know before using the result."""
    failed = study.with_status(TrialStatus.FAILED)
    if failed:
        errors = Counter(row.error or "an unknown error" for row in failed)
        (error, count), *others = errors.most_common()
        more = f"; {many(len(others), 'other error')} in the table of trials" if others else ""
        yield f"{many(len(failed), 'trial')} failed, {count} with: {error}{more}."
    for edge in study.edges:
        yield (
            f"The best value of {edge.name}, {number(edge.value)}, lies at the edge of what was searched "
            f"({edge.range}): a wider range may hold a better one."
        )
    if study.overview.note:
        yield f"{study.overview.note[0].upper()}{study.overview.note[1:]}."
    yield from run_warnings(study.run.tags.get(schema.DATA_NOTES), study.encoder)


def run_warnings(data_notes: str | None, encoder: EncoderContent | None) -> Iterator[str]:
    """Warnings about the data and about one encoder."""
    if data_notes:
        yield f"About the data: {data_notes}."
    if encoder is None:
        return
    error = encoder.run.tags.get(schema.CHECKPOINT_ERROR)
    if error:
        yield f"A checkpoint is missing: {error}."
    few = {result.split: result.samples for result in encoder.levels if result.samples and result.samples < _FEW_JUDGED}
    for split, samples in few.items():
        were = are(samples, "was", "were")
        yield f"Only {many(samples, 'sample')} {were} judged on {split}: differences of a few points mean little."
    yield from _unconverged(encoder)
    if encoder.masks is not None:
        empty = [level for level, dims in zip(encoder.masks.levels, encoder.masks.dims, strict=True) if dims < 1]
        if empty:
            yield f"The mask of {listed(empty)} selects less than one dimension: that level has no features of its own."
    for note in encoder.notes:
        yield f"{note[0].upper()}{note[1:]}."


def _unconverged(encoder: EncoderContent) -> Iterator[str]:
    stopped = [
        f"{level} ({split})"
        for split in ("test", "val")
        for level in encoder.level_names
        if encoder.run.metrics.get(metric_key(f"{split}/probe_converged/{level}")) == 0
    ]
    if stopped:
        yield (
            f"The probe's solver stopped before it had converged at {listed(stopped)}: its accuracy there is a lower "
            "bound (evaluation.probe_max_iter)."
        )
