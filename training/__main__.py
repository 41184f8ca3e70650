"""`python -m training run|evaluate|card`: make weights, and measure them."""

import json
import signal
import sys
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError
from pydantic_settings import CliApp, CliPositionalArg, CliSubCommand, SettingsError

from segnet.inference import load_segmenter
from segnet.weights import DEFAULT, WeightsError
from training.card import figures
from training.config import TrainConfig
from training.data import DataError, find_pairs
from training.evaluate import evaluate
from training.train import train


class Run(TrainConfig):
    """Train the network, or go on with the run in --out."""

    def cli_cmd(self) -> None:
        """Run and say where the weights are."""
        print(f"the best weights are in {train(TrainConfig(**self.model_dump()))}")


class Evaluate(BaseModel):
    """Measure a weights file on sets of pictures with masks: IoU, boundary IoU, accuracy, as JSON."""

    sets: CliPositionalArg[list[Path]] = Field(description="folders that hold images/ and masks/")
    weights: Path = Field(DEFAULT, description="weights file; default: the one that is shipped")

    def cli_cmd(self) -> None:
        """Print one JSON object: set → figures."""
        segmenter = load_segmenter(self.weights)
        report = {str(folder): evaluate(segmenter, find_pairs(folder)).report() for folder in self.sets}
        print(json.dumps(report, indent=2))


class Card(BaseModel):
    """Print the figures of a model card, from what a weights file says of itself."""

    weights: Path = Field(DEFAULT, description="weights file; default: the one that is shipped")

    def cli_cmd(self) -> None:
        """Print Markdown."""
        print(figures(self.weights))


class Training(BaseModel):
    """Offline training of the networks of SegBlur."""

    run: CliSubCommand[Run]
    evaluate: CliSubCommand[Evaluate]
    card: CliSubCommand[Card]

    def cli_cmd(self) -> None:
        """Hand over to the subcommand."""
        CliApp.run_subcommand(self)


def main() -> int:
    """The exit code."""
    # A run stops cleanly at Ctrl-C and at SIGTERM, also where a shell started it in the background.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        CliApp.run(Training)
    except (DataError, WeightsError, SettingsError, ValidationError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
