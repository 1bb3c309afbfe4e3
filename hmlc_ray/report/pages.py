"""The page of a study, of a benchmark, and of a run."""

from __future__ import annotations

from hmlc_ray.report.content.encoder import EncoderContent, encoder_content
from hmlc_ray.report.content.study import study_content
from hmlc_ray.report.limits import Limits
from hmlc_ray.report.links import Links
from hmlc_ray.report.page.blocks import Page, Section
from hmlc_ray.report.sections.configuration import origin_section, run_configuration, study_configuration
from hmlc_ray.report.sections.encoder import levels_section, masks_section, samples_section
from hmlc_ray.report.sections.run import run_summary
from hmlc_ray.report.sections.search import search_section
from hmlc_ray.report.sections.summary import summary_section
from hmlc_ray.report.sections.trials import trials_section
from hmlc_ray.report.sections.use import run_use, study_use
from hmlc_ray.report.subject import kind_of
from hmlc_ray.study.schema import RunKind
from hmlc_ray.tracking import Tracker, TrialRun

_NAME_TAG = "mlflow.runName"


def page_of(tracker: Tracker, run: TrialRun, links: Links, limits: Limits, *, embedding: bool) -> Page:
    """The page of a run, of whatever kind it is."""
    kind = kind_of(run)
    if kind == RunKind.STUDY:
        return _study(tracker, run, links, limits, embedding=embedding)
    if kind == RunKind.BENCHMARK:
        return _benchmark(tracker, run, links)
    encoder = encoder_content(tracker, run, links.workspace, limits, embedding=embedding)
    return _page(
        run.tags.get(_NAME_TAG, run.run_id),
        f"Report of {'a trial' if kind == RunKind.TRIAL else 'a run'}, {run.trial_status.value}",
        run_summary(encoder),
        *_of_encoder(encoder, limits),
        run_configuration(run),
        origin_section(("The run", run)),
        run_use(encoder, links),
    )


def _study(tracker: Tracker, run: TrialRun, links: Links, limits: Limits, *, embedding: bool) -> Page:
    study = study_content(tracker, run, links.workspace, limits, embedding=embedding)
    runs = [("The study", run)]
    if study.encoder is not None:
        runs.append(("The run whose encoder is the result", study.encoder.run))
    return _page(
        study.name,
        f"Report of a study, {study.overview.state.value}",
        summary_section(study),
        trials_section(study, links, limits),
        search_section(study, limits),
        *_of_encoder(study.encoder, limits),
        study_configuration(study),
        origin_section(*runs),
        study_use(study, links),
    )


def _benchmark(tracker: Tracker, run: TrialRun, links: Links) -> Page:
    from hmlc_ray.report.content.benchmark import benchmark_content
    from hmlc_ray.report.sections import benchmark as sections

    content = benchmark_content(tracker, run)
    return _page(
        content.name,
        f"Report of a benchmark, {run.trial_status.value}",
        sections.benchmark_summary(content),
        sections.comparison_section(content),
        sections.fronts_section(content),
        sections.cells_section(content, links),
        run_configuration(run),
        origin_section(("The benchmark", run)),
        sections.benchmark_use(content, links),
    )


def _of_encoder(encoder: EncoderContent | None, limits: Limits) -> tuple[Section | None, ...]:
    if encoder is None:
        return ()
    masks = None if encoder.masks is None else masks_section(encoder.masks, encoder.samples)
    samples = None if encoder.samples is None else samples_section(encoder.samples)
    return levels_section(encoder, limits), masks, samples


def _page(title: str, subtitle: str, *sections: Section | None) -> Page:
    return Page(title, subtitle, tuple(section for section in sections if section is not None))
