"""Commands that reproduce a result, and the program that uses its encoder."""

from __future__ import annotations

from hmlc_ray.report.content.encoder import EncoderContent
from hmlc_ray.report.content.study import StudyContent
from hmlc_ray.report.links import Links
from hmlc_ray.report.page.blocks import Block, Code, Section, Text
from hmlc_ray.study.schema import StudyStatus

_USE = """\
import torch
from hmlc_ray import load_encoder

encoder = load_encoder({source!r}{options})  # torch.nn.Module in evaluation mode, on the CPU
{read}
with torch.no_grad():
    features = encoder(samples)  # [n, {dim}]
"""


def study_use(study: StudyContent, links: Links) -> Section:
    """Resume, reproduce, judge, use."""
    blocks: list[Block] = []
    name = study.name
    if study.overview.state not in (StudyStatus.COMPLETE, StudyStatus.RUNNING, StudyStatus.WAITING):
        blocks.append(Code("Resume the study", links.command("resume", name)))
    if study.best is not None:
        again = "\n".join((links.command("best", name, emit_config="best.yaml"), links.command("train", "best.yaml")))
        blocks.append(Code("Train the best trial again: the same metrics on the same machine's CPU", again))
    blocks.append(Code("Make this report again", links.command("report", name)))
    if not links.is_server:
        blocks.append(Code("Open the runs in MLflow", links.ui()))
    if study.encoder is not None:
        blocks += _use(study.encoder, name, links)
        blocks.append(Code("Judge the encoder again", links.command("probe", name, split="test")))
        blocks.append(Code("Write its features as a table", links.command("embed", name, out="table")))
        folder = links.encoder_folder(name)
        if folder is not None:
            words = f"The exported encoder, which loads without this package, is in {folder}: its config.json says how."
            blocks.append(Text(words))
    return Section("use", "Reproduce and use", tuple(blocks))


def run_use(encoder: EncoderContent, links: Links) -> Section:
    """Judge and use the encoder of a run."""
    run_id = encoder.run.run_id
    blocks: list[Block] = [Code("Make this report again", links.command("report", run_id))]
    if encoder.taxonomy is not None:
        blocks += [*_use(encoder, run_id, links), Code("Judge the encoder again", links.command("probe", run_id))]
    if not links.is_server:
        blocks.append(Code("Open the runs in MLflow", links.ui()))
    return Section("use", "Reproduce and use", tuple(blocks))


def _use(encoder: EncoderContent, source: str, links: Links) -> list[Block]:
    """The program that loads an encoder; of a run without a checkpoint there is none."""
    if encoder.taxonomy is None:
        return [Text("No checkpoint was kept, so there is no encoder to use.", "note")]
    program = _USE.format(
        source=source,
        options=links.python_arguments(),
        read=_reading(encoder.run.params),
        dim=encoder.run.params.get("encoder.feature_dim", "feature_dim"),
    )
    return [Code("Use the encoder from Python", program)]


def _reading(params: dict[str, str]) -> str:
    """The line that makes the samples: of files where they are images, else of the shape that is taken."""
    kind = params.get("data.kind", "")
    if kind == "features" or "data.num_points" in params:
        return "samples = torch.zeros(1, *encoder.input_shape)  # your samples, as they are stored: floats"
    return 'samples = encoder.read_images(["seven.png"])  # your image files'
