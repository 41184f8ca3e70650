"""Networks that other programs have trained to tell VOC's classes apart, from .tflite and .onnx, made into weights
files: the list of their operations up to the logits, and a comparison of both, without which nothing is taken.
"""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segnet import operations
from segnet.classes import VOC_CLASSES
from segnet.configs import PICTURE, OpenVinoConfig, Operation
from segnet.engines import import_opset, import_readers, openvino_core
from segnet.graph import listed_graph
from segnet.weights import IMAGENET_MEAN, IMAGENET_STD, TYPES, WeightsError, WeightsInfo
from training.convert.onnx_reader import read_onnx

Size = tuple[int, int]  # width, height
Fit = Literal["letterbox", "squeeze"]

MOST_BYTES = 512 * 1024**2
FRONTENDS = {".tflite": "tflite", ".onnx": "onnx"}  # OpenVINO's names
LEAST_PLACES = 16  # of which logits say something
ALIKE = 1e-3  # most by which logits may differ on average, as a share of their standard deviation
ONLY = f"only networks that tell VOC's {len(VOC_CLASSES)} classes apart, and MediaPipe's Selfie as .onnx, can be taken"
# What follows the logits: it chooses among the classes, or brings them to the picture's size and layout.
AFTER = {"Convert", "FakeQuantize", "Interpolate", "LogSoftmax", "Softmax", "Squeeze", "TopK", "Transpose", "Unsqueeze"}
ZERO, HALF = (0.0, 0.0, 0.0), (0.5, 0.5, 0.5)
UNIT = (1 / 255, 1 / 255, 1 / 255)
# Mean and deviation of what networks take, by type and by where the channels are: pixels as they are; those of
# TensorFlow's float networks are usually from -1 to 1, those of PyTorch's are normalised as ImageNet's pictures.
NORMALS = {
    ("u8", True): (ZERO, UNIT),
    ("u8", False): (ZERO, UNIT),
    ("i8", True): ((128 / 255,) * 3, UNIT),
    ("i8", False): ((128 / 255,) * 3, UNIT),
    ("f32", True): (HALF, HALF),
    ("f32", False): (IMAGENET_MEAN, IMAGENET_STD),
}


def convert_network(path: Path, sizes: Sequence[Size] | None, fit: Fit) -> tuple[dict[str, Tensor], WeightsInfo]:
    """Tensors and description for save_weights of the network of a .tflite or .onnx, for pictures of `sizes`, by
    default its own, brought there by `fit`. Raises WeightsError.
    """
    theirs = read_network(path)
    try:
        last_axis, own = picture_of(theirs, sizes)
        logits, corners = logits_of(theirs)
        listed, tensors = Lister(last_axis).listed(theirs, logits)
    except ValueError as error:
        raise WeightsError(f"{path} can't be taken: {error}") from None
    mean, std = NORMALS[theirs.inputs[0].get_element_type().get_type_name(), last_axis]
    kinds = {name: (TYPES[str(tensor.dtype)], tensor.shape) for name, tensor in tensors.items()}
    info = WeightsInfo(
        "openvino",
        OpenVinoConfig(tuple(listed), kinds, corners, fit),  # type: ignore[arg-type]
        VOC_CLASSES,
        tuple(sizes or [own]),
        mean,
        std,
        training={"from": f"{path.name}, sha256 {sha256(path)}"},
    )
    compare(path, theirs, logits, tensors, info, own)
    for size in info.input_sizes:
        try:
            operations.logits_graph(tensors, info, size)
        except WeightsError as error:
            raise WeightsError(f"{path} can't be taken for pictures of {size[0]}×{size[1]}: {error}") from None
    return {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}, info


def read_network(path: Path) -> Any:
    """The openvino.Model of a .tflite or .onnx. Raises WeightsError."""
    frontends, _ = import_readers()
    framework = FRONTENDS[path.suffix]
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            raise WeightsError(f"{path} has {size} bytes, more than the {MOST_BYTES} of a network that can be taken")
        if framework == "onnx":
            return read_onnx(path.read_bytes())
        frontend = frontends.FrontEndManager().load_by_framework(framework)
        return frontend.convert(frontend.load(str(path)))
    except OSError as error:
        raise WeightsError(f"{path} can't be read: {error.strerror}; name the file itself") from None
    except Exception as error:
        if isinstance(error, WeightsError):
            raise
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise WeightsError(f"{path} is not a {path.suffix} that OpenVINO can read: {lines[-1]:.200}") from None


def sha256(path: Path) -> str:
    """The file's."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def picture_of(model: Any, sizes: Sequence[Size] | None) -> tuple[bool, Size]:
    """Whether the channels are the last axis of the one picture that the model takes, and its width and height, which
    is the first of `sizes` where it has none; the model is then changed in place. Raises ValueError.
    """
    if len(model.inputs) != 1:
        raise ValueError(f"it takes {len(model.inputs)} inputs, not one picture")
    shape, kind = model.inputs[0].get_partial_shape(), model.inputs[0].get_element_type().get_type_name()
    sides = [side.get_length() if side.is_static else None for side in shape] if shape.rank.is_static else []
    places = [axis for axis in (3, 1) if len(sides) == 4 and sides[axis] == 3]
    if not places or (kind, True) not in NORMALS or sides[0] not in (1, None):
        raise ValueError(f"it takes {kind} {shape}, not one RGB picture")
    last_axis = places[0] == 3
    rows, columns = sides[1:3] if last_axis else sides[2:]
    if rows is None or columns is None:
        if not sizes:
            raise ValueError("it takes pictures of any size; say which, as --input-sizes '[[513,513]]'")
        columns, rows = sizes[0]
    model.reshape([1, rows, columns, 3] if last_axis else [1, 3, rows, columns])
    return last_axis, (columns, rows)


def logits_of(model: Any) -> tuple[Any, bool]:
    """The model's first output of one number for each of VOC's classes and place, before what chooses among them; and
    whether the logits at the corners are those of the picture's corner pixels. Raises ValueError.
    """
    given = []
    for result in model.get_results():
        output, corners = result.input_value(0), False
        while output.get_node().get_type_name() in AFTER:
            attributes = output.get_node().get_attributes()
            corners = corners or attributes.get("coordinate_transformation_mode") == "align_corners"
            output = output.get_node().input_value(0)
        shape = output.get_partial_shape()
        if shape.is_static and len(shape) == 4 and len(VOC_CLASSES) in (shape[1].get_length(), shape[3].get_length()):
            if math.prod(output.get_shape()) < LEAST_PLACES * len(VOC_CLASSES):
                raise ValueError(f"it says of the whole picture what it shows, not of each part; {ONLY}")
            return output, corners
        given.append(str(shape))
    raise ValueError(f"it gives {' and '.join(given)}; {ONLY}")


class Lister:
    """What writes the list of a network's operations."""

    def __init__(self, last_axis: bool) -> None:
        """`last_axis`: whether the network takes the channels there."""
        self.operations: list[Operation] = []
        self.tensors: dict[str, NDArray[Any]] = {}
        self._names: dict[bytes, str] = {}  # by content: many are the same
        self._last_axis = last_axis

    def listed(self, model: Any, logits: Any) -> tuple[list[Operation], dict[str, NDArray[Any]]]:
        """The operations from the normalised picture, (1, 3, H, W), to the logits, (1, classes, h, w), and their
        tensors. Raises ValueError.
        """
        places: dict[str, int | str] = {}
        for node in needed(model, logits):
            places[node.get_name()] = self._place(node, places)
        end = places[logits.get_node().get_name()]
        if isinstance(end, str) or not self.operations:
            raise ValueError(f"what it gives does not depend on a picture; {ONLY}")
        if logits.get_shape()[1] != len(VOC_CLASSES):
            self._transposed(end, [0, 3, 1, 2])
        return self.operations, self.tensors

    def _place(self, node: Any, places: dict[str, int | str]) -> int | str:
        """The number of the operation that gives what the node gives, or the name of its tensor."""
        kind = node.get_type_name()
        if kind == "Parameter":
            return self._transposed(PICTURE, [0, 2, 3, 1]) if self._last_axis else PICTURE
        if kind == "Constant":
            return self._tensor(node.data)
        if any(value.get_index() for value in node.input_values()):
            raise ValueError(f"{kind} takes a second output of another operation, which is not known here")
        inputs = [places[value.get_node().get_name()] for value in node.input_values()]
        before, after = node.input_value(0).get_shape(), node.output(0).get_shape()
        if kind == "Interpolate" and (before == after or whole_plane(before, after)):
            return inputs[0]  # one place stands for all of them, see segnet.operations.spread
        if kind == "Convert" and not isinstance(inputs[0], str):
            return inputs[0]  # the picture is float32 already
        if (
            kind == "AvgPool"
            and list(node.get_attributes()["kernel"]) == list(before[2:])
            and whole_plane(after, before)
        ):
            kind, inputs = "ReduceMean", [inputs[0], self._tensor(np.array([2, 3]))]
            return self._operation(kind, inputs, {"keep_dims": True})
        known = operations.KINDS.get(kind)
        if known is None:
            raise ValueError(f"it has the operation {kind}, which is not known here")
        return self._operation(kind, inputs, {n: v for n, v in node.get_attributes().items() if n in known})

    def _operation(self, kind: str, inputs: list[int | str], attributes: dict[str, Any]) -> int:
        self.operations.append(Operation(kind, tuple(inputs), attributes))
        return len(self.operations) - 1

    def _transposed(self, place: int, order: list[int]) -> int:
        return self._operation("Transpose", [place, self._tensor(np.array(order))], {})

    def _tensor(self, numbers: NDArray[Any]) -> str:
        """The name of a tensor of these numbers."""
        numbers = np.array(numbers, np.float32 if numbers.dtype == np.float64 else numbers.dtype)
        if str(numbers.dtype) not in TYPES:
            raise ValueError(f"it has numbers of type {numbers.dtype}, which is not known here")
        content = f"{numbers.dtype} {numbers.shape}".encode() + hashlib.sha256(numbers.tobytes()).digest()
        name = self._names.setdefault(content, f"constant.{len(self._names)}")
        self.tensors[name] = numbers
        return name


def whole_plane(one: Sequence[int], many: Sequence[int]) -> bool:
    """Whether the first shape is that of one place and the second that of a plane of the same channels."""
    planes = ((2, 3), (1, 2))  # height and width, where channels are the second axis or the last
    return len(one) == len(many) == 4 and any(
        all(one[axis] == 1 for axis in plane) and all(one[i] == many[i] for i in range(4) if i not in plane)
        for plane in planes
    )


def needed(model: Any, logits: Any) -> list[Any]:
    """The nodes that the logits are made by, each behind what it takes; arithmetic of shapes is done."""
    if any(node.get_type_name() == "ShapeOf" for node in model.get_ops()):
        model = folded(model)
    wanted, rest = set(), [logits.get_node()]
    while rest:
        node = rest.pop()
        if node.get_name() not in wanted:
            wanted.add(node.get_name())
            rest += [value.get_node() for value in node.input_values()]
    return [node for node in model.get_ordered_ops() if node.get_name() in wanted]


def folded(model: Any) -> Any:
    """The model, changed in place, with everything calculated that depends on no picture."""
    _, passes = import_readers()
    folding = passes.Manager()
    folding.register_pass(passes.ConstantFolding())
    folding.run_passes(model)
    return model


def compare(
    path: Path, theirs: Any, logits: Any, tensors: dict[str, NDArray[Any]], info: WeightsInfo, own: Size
) -> None:
    """Raise WeightsError where the list gives other logits than the model, for noise that has areas."""
    width, height = own
    openvino, ops = import_opset()
    noise = np.random.default_rng(0).integers(0, 256, (1, height // 16 + 1, width // 16 + 1, 3)).astype(np.uint8)
    picture = noise.repeat(16, 1).repeat(16, 2)[:, :height, :width]
    x = ops.parameter([1, 3, height, width], np.float32)
    list_of = listed_graph(path, lambda: openvino.Model([operations.logits_of(info.config, tensors, x)], [x]))
    normal = (picture.transpose(0, 3, 1, 2) / np.float32(255) - channels(info.mean)) / channels(info.std)
    last_axis = theirs.inputs[0].get_shape()[3] == 3
    kind = theirs.inputs[0].get_element_type().to_dtype()
    given = normal.transpose(0, 2, 3, 1) if last_axis else normal
    model = openvino.Model([logits], theirs.get_parameters())
    expected = run(path, model, np.rint(given).astype(kind) if kind != np.float32 else given.astype(kind))
    found = run(path, list_of, normal.astype(np.float32))
    if expected.shape != found.shape:
        expected = expected.transpose(0, 3, 1, 2)
    apart = float(np.abs(found - expected).mean()) / (float(expected.std()) + 1e-9)
    if not apart <= ALIKE:
        raise WeightsError(f"{path} can't be taken: what was made of it gives other logits, by {apart:.2g}")


def channels(values: Sequence[float]) -> NDArray[np.float32]:
    """(3, 1, 1)."""
    return np.array(values, np.float32).reshape(3, 1, 1)


def run(path: Path, model: Any, given: NDArray[Any]) -> NDArray[Any]:
    """What a model with one output gives. Raises WeightsError."""
    try:
        compiled = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        result: NDArray[Any] = compiled([given])[0]
    except RuntimeError as error:
        last = str(error).strip().splitlines()[-1:]
        raise WeightsError(f"{path} can't be taken: OpenVINO can't run it ({''.join(last):.200})") from None
    return result
