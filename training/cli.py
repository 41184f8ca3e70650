"""`segblur train|evaluate|export|card|split|label|download`, and `python -m training` followed by the same: train
weights, measure and convert them.
"""

import io
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import CliApp, CliPositionalArg, CliSubCommand, SettingsError

from segnet.classes import ClassError
from segnet.configs import SelfieConfig
from segnet.engines import EngineError
from segnet.extras import lacking
from segnet.weights import DEFAULT, WeightsError
from training.errors import DataError
from training.run.config import TrainConfig, read_recipe

BAD = (DataError, WeightsError, EngineError, ClassError, SettingsError, ValidationError, OSError)
WRONG_CALL = "error parsing CLI: "  # how pydantic's sentences about the words themselves begin


class Train(TrainConfig):
    """Train a network, or resume the run in --out. Under torchrun: on several GPUs or machines."""

    config: Path | None = Field(
        None, description="recipe, a TOML file of these settings; command-line options override it"
    )

    def cli_cmd(self) -> None:
        """Run and say where the weights are."""
        from training.run.train import train

        recipe = read_recipe(self.config) if self.config else {}
        given = self.model_dump(include=self.model_fields_set - {"config"})
        path = train(TrainConfig(**(recipe | given)))
        if os.environ.get("RANK", "0") == "0":
            print(f"the best weights are in {path}")


class Evaluate(BaseModel):
    """Measure weights, or masks of another program, on sets of pictures with masks or of empty rooms."""

    sets: CliPositionalArg[list[Path]] = Field(
        description="folders of images/ and masks/, VOC/SPLIT, or of pictures of empty rooms"
    )
    weights: Path = Field(DEFAULT, description="weights file; default: the one that is shipped")
    predictions: Path | None = Field(
        None, description="folder of NAME.png, 255 = person, to measure in place of weights"
    )
    size: Literal["fast", "fine"] = Field("fast", description="input size of the network")
    engine: Literal["auto", "torch", "openvino"] | None = Field(
        None, description="what runs the network; default: torch, or openvino where only that can"
    )
    proposals: bool = Field(
        False, description="deconvnet on VOC's classes: segment many parts of a picture and combine them"
    )
    json_: bool = Field(False, alias="json", description="JSON instead of a table")

    def cli_cmd(self) -> None:
        """Print a table, or one JSON object: set → figures."""
        from training.measure.evaluate import run_evaluate

        print(
            run_evaluate(
                self.weights,
                self.sets,
                predictions=self.predictions,
                size=self.size,
                engine=self.engine,
                proposals=self.proposals,
                json=self.json_,
            )
        )


class Export(BaseModel):
    """Convert weights: .safetensors for the service, .xml for OpenVINO, .onnx for other programs. Takes
    this program's files, torchvision's .pth, MediaPipe's Selfie as .onnx, and a .tflite or .onnx of another network
    that tells VOC's classes apart.
    """

    source: CliPositionalArg[Path] = Field(
        description="a run's folder, a .safetensors, a torchvision .pth, a .tflite, an .onnx, or deeplabv3_resnet50 or "
        "the like to download"
    )
    target: CliPositionalArg[Path] = Field(description="file to write, .safetensors, .xml or .onnx")
    name: str | None = Field(None, description="the network of a .pth, such as deeplabv3_resnet50")
    refine: tuple[int, int, int] = Field(
        (0, 0, 0), description="Selfie: channels within new refinements at 1/16, 1/8, 1/4, to be trained; 0: none"
    )
    depth: int = Field(1, ge=1, le=8, description="Selfie: how many refinements at 1/16, one after the other")
    input_sizes: tuple[tuple[int, int], ...] | None = Field(
        None,
        description="widths and heights for pictures of 16:9, the default first: Selfie, multiples of 16; .tflite and "
        "other .onnx, instead of their own",
    )
    fit: Literal["letterbox", "squeeze"] = Field(
        "letterbox",
        description=".tflite and other .onnx: pictures keep their aspect, with grey beside them, or are squeezed",
    )
    small: bool = Field(
        False, description="a .safetensors a quarter as large, with a byte a number of kernels in place of four"
    )
    narrow: float | None = Field(
        None, gt=0, lt=1, description="deconvnet without fully connected layers: share of VGG-16's channels; as --small"
    )
    pictures: Path = Field(Path("voc2012/train_aug"), description="with --narrow: VOC/SPLIT to fit it on")

    def cli_cmd(self) -> None:
        """Write, and say what."""
        from training.convert.export import run_export
        from training.run.slim import run_slim

        if self.narrow:
            print(run_slim(self.source, self.target, self.narrow, self.pictures))
            return
        selfie = SelfieConfig(self.refine, self.depth)
        sizes = self.input_sizes
        print(run_export(self.source, self.target, self.name, selfie, sizes, self.fit, small=self.small))


class Card(BaseModel):
    """Print the figures of a model card from the header of a weights file."""

    weights: Path = Field(DEFAULT, description="weights file; default: the one that is shipped")
    fails: Path | None = Field(
        None, description="picture to write: the bundled sample, degraded until the network fails"
    )

    def cli_cmd(self) -> None:
        """Print Markdown."""
        from training.measure.card import figures
        from training.measure.fails import run_fails

        print(figures(self.weights))
        if self.fails:
            run_fails(self.weights, self.fails)


class Split(BaseModel):
    """Divide a folder of images/ and masks/ into the lists FOLDER/train and FOLDER/val, with no person in both."""

    folder: CliPositionalArg[Path] = Field(description="folder that holds images/ and masks/")
    by: str = Field(
        description="regular expression for the part of a name that identifies the person or scene, such as ^[^_]+"
    )
    share: float = Field(0.1, description="share of the persons or scenes that go to val")

    def cli_cmd(self) -> None:
        """Write the two lists, and say what is in them."""
        from training.data.split import split_folder

        print(split_folder(self.folder, self.by, self.share))


class Label(BaseModel):
    """Make masks for unlabelled pictures with teacher networks; pictures on which they disagree are left out. With one
    that tells VOC's classes apart: labels in VOC's layout.
    """

    pictures: CliPositionalArg[Path] = Field(description="folder of pictures")
    out: CliPositionalArg[Path] = Field(
        description="where images/ and masks/ are made, and rooms/ without people; VOC's classes: in VOC's layout"
    )
    teachers: dict[Path, Annotated[float, Field(gt=0)]] = Field(
        min_length=1,
        description="weights of ours, or networks that OpenVINO reads, and how much each counts, as "
        '\'{"multiclass.tflite": 2, "start.safetensors": 1}\'; the first and the last must agree',
    )
    agree: float = Field(0.93, ge=0, le=1, description="least IoU of the first teacher and the last")
    sure: float = Field(0.6, ge=0, le=1, description="VOC's classes: where none is so likely, the label is void")

    def cli_cmd(self) -> None:
        """Write, and say what there is."""
        from training.label.classes import knows_classes, run_label_classes
        from training.label.label import run_label

        if len(self.teachers) == 1 and knows_classes(teacher := next(iter(self.teachers))):
            print(run_label_classes(self.pictures, self.out, teacher, self.sure))
            return
        print(run_label(self.pictures, self.out, self.teachers, self.agree))


class Download(BaseModel):
    """Get Pascal VOC 2012, and with --sbd the larger labels of SBD, into a folder that `segblur train` reads."""

    folder: CliPositionalArg[Path] = Field(description="where voc2012/ is made")
    sbd: bool = Field(False, description="also SBD: train_aug of 10,582 pictures (needs scipy)")

    def cli_cmd(self) -> None:
        """Fetch, and say what there is."""
        from training.data.download import download

        print(download(self.folder, sbd=self.sbd))


class Training(BaseModel):
    """Offline training of the networks of SegBlur."""

    train: CliSubCommand[Train] = Field(description="train weights on pictures and masks")
    evaluate: CliSubCommand[Evaluate] = Field(description="measure weights or another program's masks")
    export: CliSubCommand[Export] = Field(description="convert weights to another format, or from torchvision's")
    card: CliSubCommand[Card] = Field(description="print the figures of a weights file for its model card")
    split: CliSubCommand[Split] = Field(description="divide pictures into a training and a validation list")
    label: CliSubCommand[Label] = Field(description="make masks for unlabelled pictures with other networks")
    download: CliSubCommand[Download] = Field(description="Pascal VOC 2012 and SBD")

    def cli_cmd(self) -> None:
        """Hand over to the subcommand, if all is there that a run needs, also at its end."""
        if lack := lacking("training", "train", beside=("torchvision", "matplotlib")):
            raise DataError(lack)
        CliApp.run_subcommand(self)


def main() -> int:
    """The exit code."""
    # A run stops cleanly at Ctrl-C and at SIGTERM, also where a shell started it in the background.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):  # names of files need not be UTF-8
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.argv[0] = "segblur"  # what people call it, in help and errors
    try:
        CliApp.run(Training, cli_exit_on_error=False)
        sys.stdout.flush()
    except BrokenPipeError:  # `segblur evaluate … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except BAD as error:
        print(f"segblur: {sentence(error)}", file=sys.stderr)
        return 2 if str(error).startswith(WRONG_CALL) else 1
    except KeyboardInterrupt:
        return 130
    return 0


def sentence(error: Exception) -> str:
    """The first thing that is wrong, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    if str(error).startswith(WRONG_CALL):
        command = " ".join(["segblur", *sys.argv[1:2]])
        return f"{' '.join(str(error).removeprefix(WRONG_CALL).split())}; see {command} --help"
    return str(error)
