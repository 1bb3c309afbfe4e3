"""The summary of one run."""

from __future__ import annotations

from hmlc_ray.report.content.encoder import EncoderContent
from hmlc_ray.report.page.blocks import Block, Section, Text
from hmlc_ray.report.sections.summary import level_sentences, run_warnings
from hmlc_ray.report.sections.words import listed
from hmlc_ray.study import schema
from hmlc_ray.study.schema import TrialStatus

_STATUS = {
    TrialStatus.RUNNING: "The run is still open: this is its state when the report was made.",
    TrialStatus.FAILED: "The run failed.",
    TrialStatus.PRUNED: "The scheduler stopped the run before its last epoch.",
    TrialStatus.INTERRUPTED: "The run was interrupted.",
}


def run_summary(encoder: EncoderContent) -> Section:
    """What was trained on what, and what came out."""
    run, params = encoder.run, encoder.run.params
    blocks: list[Block] = []
    if run.trial_status in _STATUS:
        error = f" {run.tags[schema.ERROR]}" if run.tags.get(schema.ERROR) else ""
        blocks.append(Text(_STATUS[run.trial_status] + error, "warning"))
    kinds = [params[key] for key in ("encoder.kind", "objective.kind", "data.kind") if key in params]
    levels = f" with the levels {listed(list(encoder.level_names))}, coarsest first" if encoder.level_names else ""
    if len(kinds) == 3:
        blocks.append(Text(f"The run trains the encoder {kinds[0]} with {kinds[1]} on {kinds[2]}{levels}."))
    sentences = list(level_sentences(encoder, refit=False))
    blocks += [Text(sentence) for sentence in sentences or ["It has no evaluation yet."]]
    blocks += [Text(words, "warning") for words in run_warnings(run.tags.get(schema.DATA_NOTES), encoder)]
    return Section("summary", "Summary", tuple(blocks))
