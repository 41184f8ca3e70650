"""Weights of torchvision's networks, made into ours. This is the one place where a pickle is opened, for its tensors
alone, by a command that somebody types, and never by the service: the result is saved as a weights file like any other.
"""

import hashlib
import re
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segnet.classes import PERSON, VOC_CLASSES
from segnet.configs import TORCHVISION, TorchvisionConfig
from segnet.weights import IMAGENET_MEAN, IMAGENET_STD, WeightsError, WeightsInfo, outline

TRAINED = "COCO_WITH_VOC_LABELS_V1"  # on the pictures of COCO that show VOC's classes
INPUT_SIZES = ((320, 192), (512, 288))
# Under which names training scripts save a network beside other things, what is to be taken first.
NAMES = ("model_ema", "ema_state_dict", "state_dict_ema", "ema", "model_state_dict", "state_dict", "model", "network")
SAVE = "save the network alone, by torch.save(network.state_dict(), FILE)"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")  # colours of a terminal, which torch puts into its errors


def convert(path: Path | None, name: str) -> tuple[dict[str, Tensor], WeightsInfo]:
    """Tensors and description for save_weights, from a .pth of one of torchvision's networks for VOC's 21 classes
    (`name` is in TORCHVISION); without a path, from torchvision's own, which is downloaded. Raises WeightsError.
    """
    if name not in TORCHVISION:
        raise WeightsError(f"{name} is not one of torchvision's networks known here: {', '.join(TORCHVISION)}")
    from torchvision.models import get_model_weights  # type: ignore[import-untyped]

    theirs = get_model_weights(name)[TRAINED]
    classes = classes_of(theirs.meta["categories"])
    state = state_dict(path, theirs)
    info = WeightsInfo(
        name,
        TorchvisionConfig(),
        classes,
        INPUT_SIZES,
        IMAGENET_MEAN,
        IMAGENET_STD,
        training={"from": f"torchvision's {name}, {path.name if path else f'{TRAINED}, {theirs.url}'}"},
    )
    network = outline(info)
    kept = {f"network.{key}": tensor for key, tensor in state.items() if not key.startswith("aux_classifier.")}
    try:
        network.load_state_dict(kept, assign=True)
    except RuntimeError as error:
        where = path or theirs.url
        reason = str(error).splitlines()[1 if "\n" in str(error) else 0].strip()
        raise WeightsError(
            f"{where} does not hold a {name} of 21 classes: {reason:.200}; is it the right name?"
        ) from None
    return network.state_dict(), info


def vgg16_bn_weights(path: Path | None) -> dict[str, Tensor]:
    """The state dict of torchvision's vgg16_bn, trained on ImageNet, for deconvnet.load_vgg16_bn, from its .pth;
    without a path it is downloaded. Raises WeightsError.
    """
    from torchvision.models import VGG16_BN_Weights

    return state_dict(path, VGG16_BN_Weights.IMAGENET1K_V1)


def classes_of(categories: list[str]) -> tuple[str, ...]:
    """The names of torchvision's classes in VOC's words. Raises WeightsError if they are not VOC's in VOC's order: a
    network whose 15th class is no person would show the room.
    """
    if tuple(categories[1:]) != VOC_CLASSES[1:] or categories.index(PERSON) != 15:
        raise WeightsError(
            f"torchvision's classes are not VOC's in VOC's order: {', '.join(categories)}; update this program"
        )
    return VOC_CLASSES


def state_dict(path: Path | None, theirs: Any) -> dict[str, Tensor]:
    """The tensors of a .pth, whose name's hash is checked if it has one, or else of torchvision's, downloaded and
    checked. Raises WeightsError.
    """
    try:
        if path is None:
            state = theirs.get_state_dict(progress=True, check_hash=True, weights_only=True, map_location="cpu")
        else:
            check_hash(path)
            with torch.serialization.safe_globals([Namespace]):  # torchvision's training script saves its options so
                state = torch.load(path, weights_only=True, map_location="cpu")
    except FileNotFoundError:
        raise WeightsError(f"there is no file {path}; get it from {theirs.url}") from None
    except OSError as error:
        remedy = (
            f"get {theirs.url} where there is a network, and name the file" if path is None else "name the file itself"
        )
        raise WeightsError(f"{path or theirs.url} can't be read: {error}; {remedy}") from None
    except WeightsError:
        raise
    except Exception as error:  # noqa: BLE001 - the reader of a hostile file raises more than it promises
        raise WeightsError(f"{path or theirs.url} is not a file of weights{why(error)}") from None
    return tensors_of(state, str(path or theirs.url))


def why(error: Exception) -> str:
    """What torch's reader says, in half a sentence, with what to do."""
    text = ESCAPES.sub("", str(error))
    if found := re.search(r"Unsupported (?:global|class|operand)\W+(?:GLOBAL )?([\w.]+)", text):
        return f": it holds {found[1]}, and to open that would be to run code of whoever wrote the file; {SAVE}"
    first = next(iter(text.splitlines()), type(error).__name__)
    return f": {first:.200}; get it again, or {SAVE}"


def tensors_of(content: Any, where: str) -> dict[str, Tensor]:
    """The tensors of a network in what was saved: alone, or under one of NAMES beside other things, without what
    wrappers add (DataParallel: module., torch.compile: _orig_mod., AveragedModel: n_averaged). Raises WeightsError.
    """
    while isinstance(content, Mapping) and (
        inner := [content[n] for n in NAMES if isinstance(content.get(n), Mapping)]
    ):
        content = inner[0]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{where} holds no tensors of a network; {SAVE}")
    tensors = {str(key): tensor for key, tensor in content.items() if key != "n_averaged"}
    if other := [key for key, tensor in tensors.items() if not isinstance(tensor, Tensor)]:
        raise WeightsError(f"{where} holds {min(other):.40} beside tensors, and none of {', '.join(NAMES)}; {SAVE}")
    while len(wrapper := {key.partition(".")[0] for key in tensors if "." in key}) == 1 and len(tensors) > 1:
        tensors = {key.removeprefix(f"{min(wrapper)}."): tensor for key, tensor in tensors.items()}
    return tensors


def check_hash(path: Path) -> None:
    """Whether the file's sha256 begins as its name says: NAME-d234d4ea.pth. A name without one says nothing, nor does
    a number, which is more likely a date. Raises WeightsError and OSError.
    """
    named = re.search(r"-(?=\d*[a-f])([0-9a-f]{8,64})\.pth$", path.name)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if named and not found.startswith(named[1]):
        raise WeightsError(
            f"the sha256 of {path} begins with {found[:8]}, not as its name says: it is damaged; get it again"
        )
