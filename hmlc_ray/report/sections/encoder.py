"""One encoder: its accuracy per level, its confusions, its masks, its samples."""

from __future__ import annotations

from hmlc_ray.names.counts import many
from hmlc_ray.report.charts.base import lines
from hmlc_ray.report.charts.levels import confusion_chart, confusion_step, level_chart, mask_chart, mask_history_chart
from hmlc_ray.report.charts.samples import map_chart
from hmlc_ray.report.content.confusion import Confusion
from hmlc_ray.report.content.encoder import EncoderContent
from hmlc_ray.report.content.levels import MEASURES, LevelResult
from hmlc_ray.report.content.masks import Masks
from hmlc_ray.report.content.samples import MOST_JUDGED, MOST_LEARNT, Dimensions, Sample, Samples
from hmlc_ray.report.limits import Limits
from hmlc_ray.report.page.blocks import Block, Cell, Chart, Heading, Picture, Section, Table, Text
from hmlc_ray.report.sections.words import listed, number, percent

_MOST_MISTAKES = 20
_TREE = {
    "tree/full_path_accuracy/argmax": "samples that are right at every level",
    "tree/inconsistency/argmax": "predicted paths that are not paths of the tree",
    "tree/mistake_severity/argmax": "mean height of the lowest common ancestor, of wrong leaves",
    "tree/hierarchical_f1/argmax": "hierarchical F1",
    "tree/cpcc": "correlation of distances in the tree and of features (CPCC)",
}


def levels_section(encoder: EncoderContent, limits: Limits) -> Section:
    """How good each level is, and which classes are confused."""
    results = [result for result in encoder.levels if "probe_top1" in result.values]
    if not results:
        return Section("levels", "Levels", (Text("The run has no evaluation yet."),))
    words = "Linear probe per level, " + listed([_of(result) for result in results], most=12) + "."
    blocks: list[Block] = [
        Chart("Accuracy per level", words, level_chart(results)),
        _measures(results),
        *_tree_metrics(encoder),
        *_curves(encoder),
    ]
    for matrix in encoder.confusions:
        blocks += _confusion(matrix, limits)
    if not encoder.confusions:
        blocks.append(Text("The run logged no confusion matrix.", "note"))
    return Section("levels", "Levels", tuple(blocks))


def _of(result: LevelResult) -> str:
    return f"{result.level} on {result.split} {percent(result.values['probe_top1'])}"


def _measures(results: list[LevelResult]) -> Table:
    names = [name for name in MEASURES if any(name in result.values for result in results)]
    rows: list[tuple[Cell, ...]] = []
    for result in results:
        interval = "" if result.interval is None else f"{percent(result.interval[0])} to {percent(result.interval[1])}"
        values = [result.values.get(name) for name in names]
        shown = [None if value is None else round(value, 4) for value in values]
        rows.append((result.level, result.split, result.samples, *shown[:1], interval, *shown[1:]))
    headings = [MEASURES[name] for name in names]
    columns = ("level", "split", "samples", *headings[:1], "95 % interval", *headings[1:])
    return Table("Metrics per level, coarsest first", columns, tuple(rows))


def _tree_metrics(encoder: EncoderContent) -> list[Block]:
    rows = [
        (words, split, round(encoder.run.metrics[f"{split}/{name}"], 4))
        for name, words in _TREE.items()
        for split in ("test", "val")
        if f"{split}/{name}" in encoder.run.metrics
    ]
    return [Table("Metrics of the tree", ("metric", "split", "value"), tuple(rows))] if rows else []


def _curves(encoder: EncoderContent) -> list[Block]:
    blocks: list[Block] = []
    if encoder.accuracies:
        words = f"The linear probe's accuracy on validation at each evaluation, at {listed(list(encoder.accuracies))}."
        blocks.append(Chart("Accuracy while it trained", words, lines(encoder.accuracies, "accuracy")))
    if encoder.losses:
        words = "The training loss of each epoch: the sum that is minimised, and each level's part before its weight."
        blocks.append(Chart("Training loss", words, lines(encoder.losses, "loss")))
    return blocks


def _confusion(matrix: Confusion, limits: Limits) -> list[Block]:
    title, is_drawn = f"Confusion at {matrix.level}, {matrix.split}", len(matrix.classes) <= limits.classes
    mistakes = matrix.mistakes()
    wrong = sum(count for _, _, count in mistakes)
    classes = many(len(matrix.classes), "class", "classes")
    words = f"{many(wrong, 'mistake')} in {many(matrix.total, 'sample')} of {classes}."
    within = matrix.share_in_family()
    if within is not None:
        words += f" {percent(within)} of the mistakes stay under the right parent."
    blocks: list[Block] = []
    if is_drawn:
        words = f"True classes by predicted classes, in the order of the tree: the stronger, the more. {words}"
        widest = 260 + 2 * confusion_step(matrix) * len(matrix.classes)
        blocks.append(Chart(title, words, confusion_chart(matrix), widest))
    else:
        words += " The matrix has too many classes to be drawn; these are its most frequent mistakes."
        blocks += [Heading(title), Text(words)]
    if mistakes:
        rows = tuple(mistakes[:_MOST_MISTAKES])
        caption = f"Most frequent mistakes at {matrix.level}, {matrix.split}"
        blocks.append(Table(caption, ("true class", "taken for", "samples"), rows, folded=is_drawn))
    return blocks


def masks_section(masks: Masks, samples: Samples | None = None) -> Section:
    """Which dimensions each level has and, where samples were encoded, what they know."""
    dims = [f"{level} {number(value)}" for level, value in zip(masks.levels, masks.dims, strict=True)]
    total = len(masks.values[0]) if masks.values else 0
    words = f"The mask of each level over the {many(total, 'dimension')} of the embedding; its sum is {listed(dims)}."
    blocks: list[Block] = [Chart("Masks over the embedding", words, mask_chart(masks))]
    rows = tuple(
        (level, round(own, 2), percent(own / total if total else 0.0))
        for level, own in zip(masks.levels, masks.dims, strict=True)
    )
    blocks.append(Table("Dimensions per level", ("level", "dimensions", "share"), rows))
    if any(len(points) > 1 for points in masks.history.values()):
        title = "Mean gate over epochs" if masks.soft else "Dimensions over refits of the masks"
        blocks.append(
            Chart(title, f"{title}, a line for each of {listed(list(masks.history))}.", mask_history_chart(masks))
        )
    rest = {"overlap of masks": masks.overlap, "stability against the fit before": masks.stability}
    drawn = {name: points for name, points in rest.items() if len(points) > 1}
    if drawn:
        words = "Jaccard overlap of the levels' masks, and the adjusted Rand index of each fit against the one before."
        blocks.append(Chart("Overlap and stability", words, lines(drawn, "0 to 1")))
    if samples is not None and samples.dimensions is not None and samples.dimensions.inside:
        blocks += _known(masks, samples.dimensions)
    return Section("masks", "Masks", tuple(blocks))


def _known(masks: Masks, dimensions: Dimensions) -> list[Block]:
    """Probes on what each mask selects, and on what it leaves."""
    words = (
        "A mask is of use where its own dimensions know its level better than the others do. Accuracy of linear probes "
        "on the dimensions that each level's mask selects, and on all others:"
    )
    rows: list[tuple[Cell, ...]] = []
    for level, inside, outside in zip(masks.levels, dimensions.inside, dimensions.outside, strict=True):
        rows.append((f"selected for {level}", *map(_share, inside)))
        rows.append((f"all but those of {level}", *map(_share, outside)))
    rows.append(("the most frequent class", *map(_share, dimensions.majority)))
    caption = "What the dimensions know, by the level that is probed"
    return [Text(words), Table(caption, ("dimensions", *masks.levels), tuple(rows))]


def _share(value: float) -> str | None:
    return percent(value) if value == value else None


def samples_section(samples: Samples) -> Section:
    """The map of samples and the hardest mistakes."""
    way = "t-SNE of their principal components" if samples.method == "t-sne" else "their first two principal components"
    words = (
        f"{many(len(samples.mapped), 'sample')} of the {samples.split} split by their features: {way}. Near points "
        "have similar features; distances between groups mean little. Point at a sample, or tap it, to see what it is."
    )
    if samples.wrong is not None:
        words += " Crosses are samples whose leaf the probe gets wrong."
    drawn = Chart("Map of samples", words, map_chart(samples))
    return Section("samples", "Samples", (Text(_basis(samples)), drawn, *_hardest(samples)))


def _basis(samples: Samples) -> str:
    """What was encoded, and what came of it."""
    words = (
        f"{many(samples.judged, 'sample')} of the {samples.split} split were encoded again with this encoder (at most "
        f"{MOST_JUDGED:,}); nothing was trained."
    )
    if samples.wrong is None:
        words += " The tree has too many leaves for probes to be fitted here, so no sample is called right or wrong."
    else:
        wrong = many(samples.wrong, "sample")
        words += f" Probes were fitted on at most {many(MOST_LEARNT, 'training sample')}. The leaf of {wrong} is wrong."
    used = samples.dimensions
    if used is not None and used.effective_rank == used.effective_rank:
        words += (
            f" The features use {used.effective_rank:.1f} of {many(used.total, 'dimension')} by their effective rank."
        )
    return words


def _hardest(samples: Samples) -> list[Block]:
    if samples.wrong is None:
        return []
    if not samples.hardest:
        return [Heading("Hardest confusions"), Text("No leaf is wrong.")]
    pictures = any(sample.thumbnail is not None for sample in samples.hardest)
    columns = (*(("picture",) if pictures else ()), "sample", "true", "predicted", "confidence")
    rows = tuple(_hard(sample, pictures=pictures) for sample in samples.hardest)
    caption = "Samples whose leaf is wrong, the most confident first"
    words = "Each level is predicted by a probe of its own, so that a predicted class may lie under another parent."
    several = [Text(words)] if len(samples.hardest[0].true) > 1 else []
    return [Heading("Hardest confusions"), *several, Table(caption, columns, rows)]


def _hard(sample: Sample, *, pictures: bool) -> tuple[Cell, ...]:
    true, said = " / ".join(sample.true), " / ".join(sample.predicted)
    picture: tuple[Cell, ...] = ()
    if pictures:
        picture = (
            None if sample.thumbnail is None else Picture(sample.thumbnail, f"{sample.name}, a {sample.true[-1]}"),
        )
    return (*picture, sample.name, true, said, percent(sample.confidence))
