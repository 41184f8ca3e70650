"""Small networks in other programs' files: a .tflite, drawn byte by byte, and .onnx, of torch's modules."""

import warnings
from dataclasses import dataclass, field

import flatbuffers  # comes with onnxruntime
import numpy as np
import torch

from segnet.classes import VOC_CLASSES
from training.convert.onnx_file import OPSET, without_onnx

CAT, DOG, PERSON = (VOC_CLASSES.index(name) for name in ("cat", "dog", "person"))
CLASSES, SIDE = len(VOC_CLASSES), 96
CODES = {np.dtype(np.float32): 0, np.dtype(np.int32): 2, np.dtype(np.uint8): 3, np.dtype(np.int64): 4}
CONV, RESIZE, ARG_MAX, CUSTOM = (3, 1), (23, 15), (56, 40), (32, 0)  # operation, and the table of its options


def by_colour(classes=CLASSES):
    """Weights (classes, 3) and biases of a network that sees cats in red, dogs in green and people in blue, for colours
    from -1 to 1.
    """
    weights, biases = np.zeros((classes, 3), np.float32), np.full(classes, -4, np.float32)
    biases[0] = 0
    for number, colour in zip((CAT, DOG, PERSON), np.eye(3), strict=True):
        weights[number], biases[number] = 5 * colour - 1, 0
    return weights, biases


@dataclass
class TFLite:
    """A file being written: numbers in flatbuffers' tables stand where TensorFlow's schema has them."""

    builder: flatbuffers.Builder = field(default_factory=lambda: flatbuffers.Builder(4096))
    tensors: list = field(default_factory=list)
    operators: list = field(default_factory=list)
    codes: list = field(default_factory=list)
    buffers: list = field(default_factory=lambda: [b""])

    def table(self, *fields):
        """A table of (place, kind, value)."""
        self.builder.StartObject(max(place for place, _, _ in fields) + 1)
        for place, kind, value in fields:
            getattr(self.builder, f"Prepend{kind}Slot")(place, value, None if kind == "UOffsetTRelative" else 0)
        return self.builder.EndObject()

    def vector(self, values, kind="Int32", size=4):
        self.builder.StartVector(size, len(values), size)
        for value in reversed(values):
            getattr(self.builder, f"Prepend{kind}")(value)
        return self.builder.EndVector()

    def offsets(self, values):
        return self.vector(values, "UOffsetTRelative")

    def tensor(self, name, shape, kind, data=None, scale=None, zero=0):
        """The number of a tensor; with a scale it is quantised."""
        if data is not None:
            self.buffers.append(np.ascontiguousarray(data, kind).tobytes())
        quantised = []
        if scale is not None:
            scales, zeros = self.vector([scale], "Float32"), self.vector([zero], "Int64", 8)
            table = self.table((2, "UOffsetTRelative", scales), (3, "UOffsetTRelative", zeros))
            quantised = [(4, "UOffsetTRelative", table)]
        said, dims = self.builder.CreateString(name), self.vector(shape)
        fields = [(0, "UOffsetTRelative", dims), (1, "Int8", CODES[np.dtype(kind)]), (3, "UOffsetTRelative", said)]
        buffer = [(2, "Uint32", len(self.buffers) - 1)] if data is not None else []
        self.tensors.append(self.table(*fields, *buffer, *quantised))
        return len(self.tensors) - 1

    def operator(self, code, inputs, output, options=(), custom=None):
        number, kind = code
        name = [(1, "UOffsetTRelative", self.builder.CreateString(custom))] if custom else []
        self.codes.append(self.table((0, "Int8", number), (2, "Int32", 1), (3, "Int32", number), *name))
        table = self.table(*options) if options else None
        takes, gives = self.vector(inputs), self.vector([output])
        chosen = [(3, "Uint8", kind), (4, "UOffsetTRelative", table)] if options else []
        fields = [(0, "Uint32", len(self.codes) - 1), (1, "UOffsetTRelative", takes), (2, "UOffsetTRelative", gives)]
        self.operators.append(self.table(*fields, *chosen))

    def bytes(self, taken, given):
        """The file, of a network that takes one tensor and gives another."""
        data = [self.builder.CreateByteVector(content) if content else None for content in self.buffers]
        buffers = self.offsets([self.table((0, "UOffsetTRelative", d)) if d else self.empty() for d in data])
        parts = [
            self.offsets(self.tensors), self.vector([taken]), self.vector([given]), self.offsets(self.operators),
        ]  # fmt: skip
        graph = self.table(*((place, "UOffsetTRelative", part) for place, part in enumerate(parts)))
        graphs, codes = self.offsets([graph]), self.offsets(self.codes)
        tables = [(place, "UOffsetTRelative", part) for place, part in ((1, codes), (2, graphs), (4, buffers))]
        self.builder.Finish(self.table((0, "Uint32", 3), *tables), file_identifier=b"TFL3")
        return bytes(self.builder.Output())

    def empty(self):
        self.builder.StartObject(1)
        return self.builder.EndObject()


def tflite(classes=CLASSES, quantised=True, custom=None, channels=3):
    """A network that tells classes by colour at half the width and height, and chooses one for each pixel; `custom`
    names an operation in front that only its maker knows.
    """
    file = TFLite()
    weights, biases = by_colour(classes)
    kind = np.uint8 if quantised else np.float32
    picture, half = [1, SIDE, SIDE, channels], [1, SIDE // 2, SIDE // 2, classes]
    scales = [1 / 127.5, 8 / 127, 16 / 127.5] if quantised else [None] * 3
    taken = first = file.tensor("picture", picture, kind, None, scales[0], 128 if quantised else 0)
    if custom:
        first = file.tensor("first", picture, kind, None, scales[0], 128 if quantised else 0)
        file.operator(CUSTOM, [taken], first, custom=custom)
    kernel = np.zeros((classes, 1, 1, channels), np.float32)
    kernel[:, 0, 0, : weights.shape[1]] = weights[:, :channels]
    numbers = np.rint(kernel / scales[1] + 128) if quantised else kernel
    kernel = file.tensor("kernel", list(kernel.shape), kind, numbers, scales[1], 128 if quantised else 0)
    scale = scales[0] * scales[1] if quantised else None
    numbers = np.rint(biases / scale) if quantised else biases
    bias = file.tensor("bias", [classes], np.int32 if quantised else np.float32, numbers, scale)
    logits = file.tensor("logits", half, kind, None, scales[2], 128 if quantised else 0)
    file.operator(CONV, [first, kernel, bias], logits, [(0, "Int8", 0), (1, "Int32", 2), (2, "Int32", 2)])
    large = file.tensor("large", [1, SIDE, SIDE, classes], kind, None, scales[2], 128 if quantised else 0)
    sides = file.tensor("sides", [2], np.int32, np.array([SIDE, SIDE]))
    file.operator(RESIZE, [logits, sides], large, [(2, "Bool", True)])
    axis = file.tensor("axis", [1], np.int32, np.array([3]))
    chosen = file.tensor("chosen", [1, SIDE, SIDE], np.int64)
    file.operator(ARG_MAX, [large, axis], chosen, [(0, "Int8", 4)])
    return file.bytes(taken, chosen)


class ByColour(torch.nn.Module):
    """The same for torch, of pictures normalised as ImageNet's; with a look at the whole picture in between that says
    nothing, as DeepLab has one.
    """

    def __init__(self, classes=CLASSES):
        super().__init__()
        self.conv = torch.nn.Conv2d(6, classes, 1)
        weights, biases = by_colour(classes)
        with torch.no_grad():
            self.conv.weight[:] = 0
            self.conv.weight[:, :3, 0, 0] = torch.from_numpy(weights) / 2
            self.conv.weight[:, 3:, 0, 0] = 0.1
            self.conv.bias[:] = torch.from_numpy(biases)

    def forward(self, x):
        small = torch.nn.functional.avg_pool2d(x, 2)
        height, width = x.shape[2] // 2, x.shape[3] // 2
        whole = torch.nn.functional.avg_pool2d(small, (height, width))
        enlarged = torch.nn.functional.interpolate(whole, (height, width), mode="bilinear", align_corners=False)
        logits = self.conv(torch.cat([small, enlarged], 1))
        return torch.nn.functional.interpolate(logits, x.shape[2:], mode="bilinear", align_corners=False)


def write_onnx(path, network, *shapes, **how):
    """The module as ONNX, for inputs of these shapes, by default one picture."""
    inputs = tuple(torch.zeros(shape) for shape in shapes or [(1, 3, SIDE, SIDE)])
    with torch.no_grad(), warnings.catch_warnings(), without_onnx():
        warnings.simplefilter("ignore")  # tracing warns of sizes that become constants
        torch.onnx.export(
            network.eval(), inputs, str(path), dynamo=False, opset_version=OPSET, input_names=["x", "y"][: len(inputs)],
            **how,
        )  # fmt: skip
    return path
