"""The settings of a training run: each with its meaning, range and unit."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from training.errors import DataError

Positive = Annotated[int, Field(gt=0)]


class TrainConfig(BaseModel):
    """Settings of `segblur train`; each is an option of that command and a key of the file given with --config."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(description="folder that holds the sets and rooms below")
    out: Path = Field(Path("runs/person"), description="where checkpoints, figures and the weights go")
    network: str = Field(
        "light", description="light, selfie, deconvnet, or one of torchvision's, such as deeplabv3_resnet50"
    )
    sets: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {
            "train/ccp_upper": 2.0,
            "train/ccp_fullbody": 1.7,
            "train/voc_person": 0.7,
            "train/coco_person": 0.4,
            "train/distilled": 1.2,
            "voc2012/train_aug": 0.6,
        },
        min_length=1,
        description="sets under data, and how often each is drawn: folders of images/ and masks/, or VOC/SPLIT",
    )
    rooms: str = Field("rooms", description="folder of pictures without people: new backgrounds, and negatives")
    validation: tuple[str, ...] = Field(
        ("val/ccp_upper", "val/ccp_fullbody", "val/voc_person"),
        min_length=1,
        description="sets to measure on, the first counting twice; a folder of pictures alone is of empty rooms",
    )
    terms: dict[str, str] = Field({}, description="set → licence or terms of its pictures, for the model card")
    init: Path | None = Field(
        None, description="weights file to start from, as for fine-tuning; default: random weights"
    )
    width: float = Field(1.0, gt=0, le=1, description="deconvnet: share of the paper's channels")
    fc: int = Field(4096, ge=0, le=4096, description="deconvnet: channels of its fully connected layers; 0: none")
    up: float | None = Field(
        None, gt=0, le=1, description="deconvnet: share of the paper's channels on the way up; default: as --width"
    )
    vgg: Path | None = Field(
        None,
        description="deconvnet: torchvision's vgg16_bn .pth, HED's weights .h5, or an .onnx of a network made of "
        "VGG-16, to start the encoder from",
    )
    frozen: int = Field(
        0, ge=0, le=5, description="deconvnet: blocks of the encoder, from the first on, that stay as they start"
    )
    grow: int = Field(
        0,
        ge=0,
        description="deconvnet with --views: steps that the small end of the way up learns first, at its own size",
    )
    views: int = Field(
        0,
        ge=0,
        description="deconvnet with frozen blocks: draw from so many fixed parts of each picture, and compute what "
        "these blocks make of them only once; 0: from ever new parts",
    )
    features: Path | None = Field(
        None, description="with --views: folder that keeps what was computed, for other runs too; default: in --out"
    )
    input_size: tuple[Positive, Positive] | None = Field(
        None, description="21 classes: width and height; default: 224,224 for the deconvnet, 320,192 for others"
    )
    stage: Literal["whole", "objects", "proposals"] = Field(
        "whole", description="21 classes: whole pictures, or the two stages of Noh et al. 2015"
    )
    anneal: float = Field(
        0.4, ge=0, le=1, description="stage whole: share of the steps in which crops widen from objects to pictures"
    )
    class_weights: bool = Field(False, description="21 classes: weigh rare ones more (median frequency)")
    repeat: float = Field(
        0.0,
        ge=0,
        le=1,
        description="21 classes: draw pictures more often that show a class which fewer than this share of them show",
    )
    steps: Positive = Field(20_000, description="batches to train on")
    batch: Positive = Field(32, description="pictures in a batch, over all processes")
    optimiser: Literal["adamw", "sgd"] = Field("adamw", description="adamw, or sgd with momentum 0.9")
    learning_rate: float = Field(2e-3, gt=0, description="after warm-up and before the decay")
    schedule: Literal["trapezoid", "cosine", "poly"] = Field(
        "trapezoid", description="how the rate falls: linearly at the end, as a cosine, or as (1 - t)^0.9"
    )
    warmup: int = Field(300, ge=0, description="steps of linear warm-up")
    decay: float = Field(0.4, ge=0, le=1, description="trapezoid: share of the steps in which the rate falls to 0")
    weight_decay: float = Field(0.02, ge=0, description="of kernels only, not of biases and batch norms")
    ema: float = Field(0.999, ge=0, lt=1, description="decay of the averaged weights, which are the result")
    anchor: float = Field(
        0.0, ge=0, lt=1, description="share of the way by which each step pulls the weights back to the initial ones"
    )
    style: Literal["webcam", "natural"] = Field(
        "webcam",
        description="people: strong augmentation (webcam degradations, other rooms) or mild",
    )
    composited: float | None = Field(
        None, ge=0, le=1, description="people: share that is composited into other rooms; default: the style's"
    )
    negatives: float | None = Field(
        None, ge=0, le=1, description="people: share of the pictures that are empty rooms; default: the style's"
    )
    precision: Literal["bf16", "f32"] = Field(
        "f32", description="type of the network's layers; bf16 is faster only on devices with hardware for it"
    )
    seed: int = Field(0, ge=0, description="of weights, order and augmentation")
    threads: Positive = Field(1, description="CPU threads of the network; workers come on top")
    workers: int = Field(1, ge=0, description="worker processes that prepare batches")
    prepare: Literal["workers", "device"] = Field(
        "workers",
        description="people: where batches are prepared: by worker processes, or on the device that trains, which then "
        "holds all pictures",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="cpu, cuda, or auto")
    evaluate_every: Positive = Field(2_000, description="steps between measurements on the validation sets")
    thorough: bool = Field(True, description="at the end, measure at every input size and write contact sheets")
    checkpoint_every: Positive = Field(500, description="steps between checkpoints to resume from")
    tensorboard: bool = Field(False, description="also write TensorBoard events (needs tensorboard)")


def read_recipe(path: Path) -> dict[str, Any]:
    """The keys of a recipe. Raises DataError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path} is not a readable TOML file: {error}") from None
