"""Weights in another form: as one file for the service, or as a network that OpenVINO, or any other program that reads
ONNX, runs without this one.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from segnet.classes import BACKGROUND
from segnet.configs import TORCHVISION, UNKNOWN, SelfieConfig
from segnet.engines import converted, import_openvino, shaped
from segnet.mask_model import MaskModel
from segnet.weights import WeightsInfo, build, load_weights, save_weights, scale
from training.convert.network_file import FRONTENDS, Fit, convert_network
from training.convert.onnx_file import write_onnx
from training.convert.pth import convert
from training.convert.selfie_onnx import NotSelfieError, convert_onnx
from training.errors import DataError

BEST = "best.safetensors"  # what a run leaves beside its checkpoint


def run_export(
    source: Path,
    target: Path,
    name: str | None = None,
    selfie: SelfieConfig | None = None,
    sizes: tuple[tuple[int, int], ...] | None = None,
    fit: Fit = "letterbox",
    *,
    small: bool = False,
) -> str:
    """Write `target`, .safetensors, .xml or .onnx, from a run's folder or checkpoint.pt, a .safetensors, a .pth of
    torchvision's network `name`, a .tflite or .onnx that tells VOC's classes apart, for pictures of `sizes` that are
    brought there by `fit`, or MediaPipe's Selfie as .onnx, which gets the refinements of `selfie` and input `sizes`; a
    sentence on what was written. With `small`, the kernels of a .safetensors have a byte a number. Raises DataError,
    WeightsError, EngineError.
    """
    if target.suffix not in {".safetensors", ".xml", ".onnx"}:
        raise DataError(f"{target} can't be written: its name must end with .safetensors, .xml or .onnx")
    files = [target, target.with_suffix(".bin")] if target.suffix == ".xml" else [target]
    for path in files:
        if path.exists():
            raise DataError(f"{path} exists; choose another name, or remove it first")
    if source.suffix == ".tflite":
        return export_listed(found(source), target, sizes, fit)
    if source.suffix == ".onnx":
        try:
            network, info = convert_onnx(found(source), selfie or SelfieConfig())
        except NotSelfieError:
            return export_listed(found(source), target, sizes, fit)
        info = replace(info, input_sizes=sizes or info.input_sizes)
    else:
        network, info = read(source if str(source) in TORCHVISION else found(source), name)
    if target.suffix != ".safetensors":
        return written(files, write_graph(network, info, target))
    save_weights(target, rounded(network.state_dict()) if small else network.state_dict(), info)
    return written(files, what_it_finds(info))


def rounded(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors with their kernels in a byte a number, as load_weights takes them; biases and batch norms, which are few,
    stay as they are.
    """
    result = dict(tensors)
    for name, kernels in tensors.items():
        if kernels.dim() > 1:
            steps = kernels.flatten(1).abs().amax(dim=1).clamp(min=1e-12) / 127
            result[name] = (kernels / steps.view(-1, *[1] * (kernels.dim() - 1))).round().to(torch.int8)
            result[scale(name)] = steps
    return result


def export_listed(source: Path, target: Path, sizes: tuple[tuple[int, int], ...] | None, fit: Fit) -> str:
    """Write `target`, .safetensors, from a .tflite or .onnx that tells VOC's classes apart; a sentence on it. Raises
    DataError, WeightsError.
    """
    if target.suffix != ".safetensors":
        raise DataError(f"{target} can't be written: of {source} only a .safetensors can be made")
    tensors, info = convert_network(source, sizes, fit)
    save_weights(target, tensors, info)
    return written([target], what_it_finds(info))


def written(files: Sequence[Path], what: str) -> str:
    """A sentence on files that were written."""
    return f"{files[0]} ({sum(path.stat().st_size for path in files) / 1e6:.1f} MB): {what}"


def what_it_finds(info: WeightsInfo) -> str:
    """Half a sentence on a network."""
    return f"{info.architecture}, which finds {', '.join(name for name in info.classes if name != BACKGROUND)}"


def read(source: Path, name: str | None) -> tuple[nn.Module, WeightsInfo]:
    """The network of a file. Raises DataError, WeightsError."""
    if source.suffix == ".safetensors":
        return load_weights(source)
    if str(source) in TORCHVISION:
        return loaded(convert(None, str(source)))
    if name is None:
        raise DataError(f"{source} does not say what network it is of; name it, as --name deeplabv3_resnet50")
    return loaded(convert(source, name))


def loaded(made: tuple[dict[str, Tensor], WeightsInfo]) -> tuple[nn.Module, WeightsInfo]:
    """The network that tensors and their description make."""
    tensors, info = made
    network = build(info)
    network.load_state_dict(tensors)
    return network.eval(), info


def write_graph(network: nn.Module, info: WeightsInfo, target: Path) -> str:
    """Write the network with all that is around it, for people and the first input size; what it takes and gives.
    Raises EngineError.
    """
    model, (width, height) = MaskModel(network, info), info.input_sizes[0]
    if target.suffix == ".onnx":
        write_onnx(model, (width, height), target)
    else:
        graph = shaped(converted(model, width, height), width, height)
        target.parent.mkdir(parents=True, exist_ok=True)
        import_openvino().save_model(graph, target, compress_to_fp16=False)
    plane = f"float32 (1, 1, {height}, {width})"
    past = f" and the mask of the frame before, {plane}, {UNKNOWN} where there is none" if model.remembers else ""
    kind = "ONNX" if target.suffix == ".onnx" else "OpenVINO"
    return f"{info.architecture} for {kind}; in: picture, uint8 (1, {height}, {width}, 3) RGB{past}; out: mask, {plane}"


def found(source: Path) -> Path:
    """The file of weights that `source` means. Raises DataError."""
    path = source / BEST if source.is_dir() else source.with_name(BEST) if source.name == "checkpoint.pt" else source
    if not path.is_file():
        missing = "a run leaves it there when it is first measured" if path != source else "there is no such file"
        raise DataError(f"{path} can't be exported: {missing}")
    if path.suffix not in {".safetensors", ".pth", *FRONTENDS}:
        raise DataError(
            f"{path} can't be exported: a run's folder, a .safetensors, a torchvision .pth, a .tflite or an .onnx can"
        )
    return path
