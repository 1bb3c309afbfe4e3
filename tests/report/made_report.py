"""Collected data that nothing collected: of classes and files with names that try to be something else."""

from __future__ import annotations

from pathlib import Path

from made_study import HOSTILE

from hmlc_ray.report.content.confusion import in_tree_order
from hmlc_ray.report.content.encoder import EncoderContent
from hmlc_ray.report.content.levels import LevelResult
from hmlc_ray.report.content.masks import Masks
from hmlc_ray.report.content.samples import Sample, Samples
from hmlc_ray.report.limits import Limits
from hmlc_ray.report.page.blocks import Page, Section
from hmlc_ray.report.sections.encoder import levels_section, masks_section, samples_section
from hmlc_ray.report.sections.run import run_summary
from hmlc_ray.study import schema
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.tracking import TrialRun

DOT = "data:image/gif;base64,R0lGODlhAQABAIAAAP///wAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw=="


def taxonomy(names: tuple[str, ...] = HOSTILE) -> Taxonomy:
    """Two levels; the leaves have these names, and their parents the same with a number behind."""
    return Taxonomy.from_paths(
        (names[0], names[1]), [(f"{names[n // 2]} {n // 2}", name) for n, name in enumerate(names)]
    )


def hostile_encoder() -> EncoderContent:
    """An encoder whose levels, classes, files, errors and notes have hostile names."""
    tree = taxonomy()
    counts = {(n, n): 5 for n in range(tree.num_leaves)} | {(0, 1): 2, (1, 2): 1}
    run = TrialRun(
        "abc", "", "FAILED", {HOSTILE[0]: HOSTILE[1]}, {}, {schema.STATUS: "failed", schema.ERROR: HOSTILE[1]}
    )
    samples = [
        Sample(f"{name}/{n}.png", (name, name), (HOSTILE[0], HOSTILE[1]), 0.9, DOT) for n, name in enumerate(HOSTILE)
    ]
    points = tuple((n / 10, n % 3 / 3) for n in range(len(samples)))
    return EncoderContent(
        run,
        tree,
        tree.level_names,
        tuple(LevelResult(level, "test", {"probe_top1": 0.9}, 38) for level in tree.level_names),
        (in_tree_order("test", 1, counts, tree),),
        Masks(
            tree.level_names,
            ((1.0, 0.0), (0.0, 1.0)),
            dict.fromkeys(tree.level_names, ((1, 1.0), (2, 1.0))),
            False,
        ),
        {HOSTILE[2]: ((1, 0.5), (2, 0.4))},
        {},
        Samples("test", tree.level_names, 38, points, tuple(samples), "pca", tuple(samples), 7),
        HOSTILE,
    )


def hostile_page() -> Page:
    """A page of all that, whose own names are hostile too."""
    encoder, limits = hostile_encoder(), Limits()
    assert encoder.masks is not None
    assert encoder.samples is not None
    sections = (
        run_summary(encoder),
        levels_section(encoder, limits),
        masks_section(encoder.masks),
        samples_section(encoder.samples),
    )
    return Page(
        HOSTILE[0], HOSTILE[1], tuple(Section(own.name, f"{own.title} {HOSTILE[0]}", own.blocks) for own in sections)
    )


def written(page: str, folder: Path) -> Path:
    """A page as a file."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    return file
