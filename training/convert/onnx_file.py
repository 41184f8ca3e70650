"""Weights as an ONNX file, which other programs read without this one."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch

from segnet.configs import UNKNOWN
from segnet.engines import EngineError
from segnet.mask_model import MaskModel

OPSET = 17  # of 2022: whatever reads ONNX knows it


def write_onnx(model: MaskModel, size: tuple[int, int], target: Path) -> None:
    """Write the model for pictures of this width and height: in "picture", uint8 (1, H, W, 3) RGB, and, where it
    remembers, "previous", float32 (1, 1, H, W); out "mask", float32 (1, 1, H, W). Raises EngineError and OSError.
    """
    width, height = size
    inputs = {"picture": torch.zeros((1, height, width, 3), dtype=torch.uint8)}
    if model.remembers:
        inputs["previous"] = torch.full((1, 1, height, width), UNKNOWN)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.new")
    try:
        with torch.no_grad(), warnings.catch_warnings(), without_onnx():
            warnings.simplefilter("ignore")  # tracing warns of sizes that become constants, as they should
            # The newer exporter, of torch.export, needs the packages onnx and onnxscript.
            torch.onnx.export(
                model.eval(),
                tuple(inputs.values()),
                str(beside),
                dynamo=False,
                opset_version=OPSET,
                input_names=[*inputs],
                output_names=["mask"],
            )
        beside.replace(target)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - the exporter has errors of its own, of no common kind
        raise EngineError(f"this network can't be written as ONNX: {' '.join(str(error).split()):.300}") from None
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def without_onnx() -> Iterator[None]:
    """Torch reads its result again, by the package onnx, to add functions that were written in onnxscript. Here are
    none: where the package isn't installed, that step is left out.
    """
    from torch.onnx._internal.torchscript_exporter import onnx_proto_utils as utils

    if find_spec("onnx"):
        yield
        return
    step = utils._add_onnxscript_fn  # noqa: SLF001 - there is no public way
    utils._add_onnxscript_fn = lambda model_bytes, custom_opsets: model_bytes  # noqa: SLF001
    try:
        yield
    finally:
        utils._add_onnxscript_fn = step  # noqa: SLF001
