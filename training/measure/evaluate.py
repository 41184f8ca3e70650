"""How good masks are on sets of pictures whose true masks are known, and of rooms without people."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from json import dumps
from pathlib import Path

from torch import nn
from tqdm import tqdm

from segnet.architectures import ARCHITECTURES
from segnet.class_scores import ClassScores
from segnet.inference import Segmenter, load_segmenter
from segnet.weights import WeightsInfo, load_weights, read_info
from training.data.pairs import Pair, Room, find_set
from training.data.voc_data import VocSet, load_voc
from training.errors import DataError
from training.measure.class_sheets import write_class_sheets
from training.measure.classes import evaluate_classes
from training.measure.flicker import flicker
from training.measure.metrics import Score
from training.measure.predictions import Find, Seen, Segments, by_folder, by_network, look
from training.measure.sheets import write_sheets
from training.measure.tables import CLASS, FAR_HOW, HOW, Figures, table

Size = tuple[int, int]  # width, height
Network = nn.Module | ClassScores  # what tells classes apart

LIGHT = ("dark", "medium", "bright")  # thirds of a set by the person's mean luma


def scores(find: Find, pairs: Sequence[Pair], title: str = "") -> Iterator[tuple[Seen, Score]]:
    """Each picture with its own figures. Raises DataError."""
    for pair in tqdm(pairs, desc=title, unit="picture", leave=False, disable=None):
        seen, score = look(pair), Score.empty()
        score.add(find(seen) > 0.5, seen.truth, seen.known)
        yield seen, score


def together(parts: Sequence[Score]) -> Score:
    """The figures of all pictures as one set."""
    total = Score.empty()
    for part in parts:
        total.merge(part)
    return total


def evaluate(segmenter: Segments, pairs: Sequence[Pair]) -> Score:
    """Count every pair, as the service would segment it. Raises DataError."""
    return together([score for _, score in scores(by_network(segmenter), pairs)])


def by_light(parts: Sequence[tuple[float, Score]]) -> dict[str, Figures]:
    """Figures of the darkest, the middle and the brightest third of (person's mean luma, score); nothing for fewer than
    three pictures. Each says from which to which luma it goes.
    """
    ordered = sorted(parts, key=lambda part: part[0])
    edges = [round(len(ordered) * i / len(LIGHT)) for i in range(len(LIGHT) + 1)]
    if len(ordered) < len(LIGHT):
        return {}
    result: dict[str, Figures] = {}
    for name, start, end in zip(LIGHT, edges, edges[1:], strict=False):
        third = ordered[start:end]
        luma = [round(third[0][0]), round(third[-1][0])]
        result[name] = together([score for _, score in third]).report() | {"luma": luma}
    return result


def final_report(
    make: Callable[[Size], Segments], sets: Mapping[str, Sequence[Pair]], sizes: Sequence[Size], folder: Path
) -> dict[str, Figures]:
    """The figures that go into a weights file's header: each set's figures at the first of `sizes`; under
    "sizes" those at each size, with the flicker; under "light" those of thirds by light. Writes contact sheets, at the
    first size, into `folder`. Raises DataError.
    """
    report: dict[str, Figures] = {}
    for name, pairs in sets.items():
        at: dict[str, Figures] = {}
        light: dict[str, Figures] = {}
        for size in sizes:
            segmenter = make(size)
            parts = [(seen.luma, score) for seen, score in scores(by_network(segmenter), pairs, name)]
            if size == sizes[0]:
                write_sheets(by_network(segmenter), pairs, [score for _, score in parts], folder, name)
            figures: Figures = together([score for _, score in parts]).report()
            at[f"{size[0]}x{size[1]}"] = figures | flicker_figures(segmenter, pairs)
            light = light or by_light([(luma, score) for luma, score in parts if score.people])
        report[name] = next(iter(at.values())) | {"sizes": at, "light": light}
    return report


def final_class_report(
    network: nn.Module, info: WeightsInfo, sets: Mapping[str, VocSet], folder: Path
) -> dict[str, Figures]:
    """The same for a network that tells classes apart: each set's figures; writes contact sheets into `folder`."""
    for name, one in sets.items():
        write_class_sheets(network, info, one, folder, name)
    return {name: evaluate_classes(network, info, one).report() for name, one in sets.items()}


def flicker_figures(segmenter: Segments, pairs: Sequence[Pair]) -> Figures:
    """The flicker along contours, where there are any: nothing for empty rooms. Raises DataError."""
    return {} if isinstance(pairs[0], Room) else flicker(segmenter, pairs)


def choose_size(info: WeightsInfo, size: str | None) -> Size:
    """The network's size by its name: "fast" is the first that the weights name and the default, "fine" the last.
    Raises DataError.
    """
    if size not in {None, "fast", "fine"}:
        raise DataError(f"there is no size {size!r}; choose fast or fine")
    return info.size_named(size or "fast")


def run_evaluate(
    weights: Path,
    sets: Sequence[Path],
    *,
    predictions: Path | None = None,
    size: str | None = None,
    engine: str | None = None,
    proposals: bool = False,
    json: bool = False,
) -> str:
    """What `evaluate` prints: the figures of a weights file, or of a folder of predictions, on each set, as a table or
    as JSON. Raises DataError, WeightsError, EngineError.
    """
    figures: dict[str, Figures] = {}
    if predictions is not None:
        report: Figures = {"predictions": predictions.name}
        for folder in sets:
            find = by_folder(folder_of(predictions, folder, several=len(sets) > 1))
            parts = scores(find, find_set(folder), folder.name)
            figures[str(folder)] = together([score for _, score in parts]).report()
    else:
        info = read_info(weights)
        nominal = choose_size(info, size)
        if proposals and info.architecture != "deconvnet":
            raise DataError(f"--proposals is the deconvnet's way; {weights} holds a {info.architecture}")
        network, segmenter = ready(weights, info, nominal, engine)
        report = {"weights": weights.name, "size": list(nominal)}
        for folder in sets:
            pairs = find_set(folder)
            parts = scores(by_network(segmenter), pairs, folder.name)
            figures[str(folder)] = together([score for _, score in parts]).report() | flicker_figures(segmenter, pairs)
            if len(info.classes) > 1 and pairs[0].voc:
                figures[str(folder)] |= of_classes(
                    network, replace(info, input_sizes=(nominal,)), folder, proposals=proposals
                )
    report |= {"sets": figures, "how": f"{HOW} {FAR_HOW}"}
    return dumps(report, indent=2) if json else table(report)


def ready(weights: Path, info: WeightsInfo, size: Size, engine: str | None) -> tuple[Network, Segmenter]:
    """What tells classes apart and what finds people, of a weights file whose header says `info`; `engine` None is
    torch, where that can run it. Raises WeightsError, EngineError.
    """
    if ARCHITECTURES[info.architecture].build is None:
        return ClassScores(weights, size), load_segmenter(weights, engine=engine or "auto", size=size)
    network, _ = load_weights(weights)
    return network, Segmenter(network, info, engine=engine or "torch", size=size)


def of_classes(network: Network, info: WeightsInfo, folder: Path, *, proposals: bool) -> Figures:
    """Mean IoU and the IoU of each class on a set in VOC's layout. Raises DataError."""
    report = evaluate_classes(network, info, load_voc(folder), proposals=proposals).report()
    return {key: value for key, value in report.items() if key == "miou" or key.startswith(CLASS)}


def folder_of(predictions: Path, folder: Path, *, several: bool) -> Path:
    """Where a set's predictions lie: in a folder of its name or, for one set alone, directly. Raises DataError."""
    own = predictions / folder.name
    if own.is_dir():
        return own
    if several or not predictions.is_dir():
        raise DataError(f"there is no folder {own if several else predictions} of predictions")
    return predictions
