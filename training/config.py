"""What one training run is told: every field with its meaning and unit."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Positive = Annotated[int, Field(gt=0)]


class TrainConfig(BaseSettings):
    """Settings of `python -m training run`; each is also an option of that command."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", env_prefix="SEGTRAIN_")

    data: Path = Field(description="folder that holds the sets and rooms below")
    out: Path = Field(
        Path("runs/segnet"),
        description="where checkpoints, metrics.csv and the weights go",
    )
    sets: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {
            "train/ccp_upper": 2.0,
            "train/ccp_fullbody": 0.6,
            "train/voc_person": 0.5,
            "train/coco_person": 0.5,
            "train/distilled": 1.5,
        },
        min_length=1,
        description="folders of images/ and masks/ under data, and how often each is drawn",
    )
    rooms: str = Field(
        "rooms",
        description="folder of pictures without people: new backgrounds, and negatives",
    )
    validation: tuple[str, ...] = Field(
        ("val/ccp_upper", "val/ccp_fullbody", "val/voc_person"),
        description="sets to measure on; the first decides which weights are best",
    )
    steps: Positive = Field(20_000, description="batches to train on")
    batch: Positive = Field(32, description="pictures in a batch")
    learning_rate: float = Field(2e-3, gt=0, description="AdamW's, after warm-up and before the decay")
    warmup: int = Field(300, ge=0, description="steps of linear warm-up")
    decay: float = Field(
        0.4,
        ge=0,
        le=1,
        description="share of the steps, at the end, in which the rate falls to 0",
    )
    weight_decay: float = Field(0.02, ge=0, description="AdamW's, on convolution weights only")
    ema: float = Field(
        0.999,
        ge=0,
        lt=1,
        description="decay of the averaged weights, which are the result",
    )
    seed: int = Field(0, ge=0, description="of weights, order and augmentation")
    threads: Positive = Field(1, description="CPU threads of the network; workers come on top")
    workers: int = Field(1, ge=0, description="processes that prepare batches")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="cpu, cuda, or auto")
    evaluate_every: Positive = Field(2_000, description="steps between measurements on the validation sets")
    checkpoint_every: Positive = Field(500, description="steps between checkpoints to resume from")
