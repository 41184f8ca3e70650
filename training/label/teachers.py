"""What teaches: networks of others, or ours, that say where people are in pictures which nobody labelled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segnet.engines import openvino_core
from segnet.inference import Segmenter, load_segmenter
from training.convert.onnx_reader import read_onnx
from training.data.pictures import Mask, Pixels
from training.errors import DataError

OTHERS = {".tflite", ".onnx", ".xml"}  # what OpenVINO reads
SHARE, TWO, MULTICLASS = 1, 2, 6  # channels: a probability, background and person, MediaPipe's classes

Finds = Callable[[Pixels], Mask]  # picture uint8 (H, W, 3) RGB of a teacher's size → float32 (H, W), 0 to 1


@dataclass(frozen=True)
class Teacher:
    """A network, how large it wants a picture of a width and a height, and how much it counts."""

    name: str
    weight: float
    size_for: Callable[[int, int], tuple[int, int]]
    finds: Finds

    def __call__(self, image: Pixels) -> Mask:
        """uint8 (H, W, 3) RGB → where it sees people, float32 (H, W), 0 to 1: the mean of the picture as it is and
        mirrored. Raises DataError where it gives no numbers.
        """
        height, width = image.shape[:2]
        small = resized(image, self.size_for(width, height))
        mirrored = self.finds(np.ascontiguousarray(small[:, ::-1]))[:, ::-1]
        mask = (self.finds(small) + mirrored) / 2
        if not np.isfinite(mask).all():
            raise DataError(f"{self.name} gives numbers that are not finite")
        return np.clip(cv2.resize(mask, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)


def resized(image: Pixels, size: tuple[int, int]) -> Pixels:
    """The picture squeezed to width and height."""
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR))


def load_teacher(path: Path, weight: float) -> Teacher:
    """A weights file of ours, or a network that OpenVINO reads: in float (1, H, W, 3), out (1, H, W, C) with 1 channel,
    a probability, 2, logits of background and person (both take 0 to 1), or 6, the logits of MediaPipe's Selfie
    multiclass (-1 to 1; the first is background). Raises DataError, WeightsError, EngineError.
    """
    if path.suffix == ".safetensors":
        segmenter: Segmenter = load_segmenter(path)
        return Teacher(str(path), weight, segmenter.size_for, segmenter)
    if path.suffix not in OTHERS:
        raise DataError(f"{path} can't teach: .safetensors of this program can, and .tflite, .onnx or .xml")
    if not path.is_file():
        raise DataError(f"{path} can't teach: there is no such file")
    try:
        # An .onnx may name files anywhere, whose numbers OpenVINO would take; the others hold all that is theirs.
        model = read_onnx(path.read_bytes()) if path.suffix == ".onnx" else openvino_core().read_model(path)
        size, channels = layout(model)
        network = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    except ImportError as error:
        raise DataError(f"{path} needs OpenVINO, which can't be imported ({error}); install openvino") from None
    except ValueError as error:
        raise DataError(f"{path} can't teach: {error}") from None
    except RuntimeError as error:
        why = (str(error).strip().splitlines() or ["no reason given"])[-1]
        raise DataError(f"{path} is not a network that OpenVINO reads: {why:.200}") from None
    request = network.create_infer_request()

    def finds(image: Pixels) -> Mask:
        """One picture of the network's size."""
        x = image[None].astype(np.float32) / 255
        (given,) = request.infer([2 * x - 1 if channels == MULTICLASS else x]).to_tuple()
        return person(np.array(given[0], np.float32))

    return Teacher(str(path), weight, lambda width, height: size, finds)


def layout(model: Any) -> tuple[tuple[int, int], int]:
    """Width and height of the pictures that an openvino.Model takes, and the channels that it gives. Raises ValueError
    where it is none of those that load_teacher knows.
    """
    ends = [*model.inputs, *model.outputs]
    shapes = [tuple(end.shape) if end.partial_shape.is_static else () for end in ends]
    kinds = {end.element_type.get_type_name() for end in ends}
    match shapes:
        case [(1, height, width, 3), (1, out_height, out_width, channels)] if (
            kinds == {"f32"} and (height, width) == (out_height, out_width) and channels in {SHARE, TWO, MULTICLASS}
        ):
            return (width, height), channels
    raise ValueError(
        "it must take one picture, float (1, height, width, 3), and give (1, height, width, 1, 2 or 6); it has "
        + " and ".join("×".join(map(str, end.partial_shape)) for end in ends)
    )


def person(given: NDArray[np.float32]) -> Mask:
    """What a network says, float32 (H, W, C) → share that is person, float32 (H, W)."""
    if given.shape[2] == SHARE:
        return given[..., 0]
    shares = np.exp(given - given.max(axis=2, keepdims=True))
    result: Mask = 1 - shares[..., 0] / shares.sum(axis=2)
    return result


def weighted(masks: Sequence[Mask], teachers: Sequence[Teacher]) -> Mask:
    """The mean of the teachers' masks, each as often as it counts."""
    return np.average(masks, axis=0, weights=[teacher.weight for teacher in teachers]).astype(np.float32)
