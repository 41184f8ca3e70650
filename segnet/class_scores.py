"""What a network that only OpenVINO runs says of every class, to measure it by."""

from pathlib import Path
from typing import Any

import numpy as np

from segnet import operations
from segnet.engines import Array, openvino_core
from segnet.graph import listed_graph
from segnet.inference import GREY, fitted
from segnet.weights import load_tensors


class ClassScores:
    """The network of a weights file, ready to run."""

    def __init__(self, path: Path, size: tuple[int, int]) -> None:
        """For pictures of one of the weights' input sizes, width and height. Raises WeightsError."""
        tensors, self.info = load_tensors(path)
        self.size = size
        graph = listed_graph(path, lambda: operations.logits_graph(tensors, self.info, size))
        self._run: Any = openvino_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that pictures of this size are to be brought to."""
        return fitted(width, height, self.size, letterbox=self.info.config.fit == "letterbox")

    def __call__(self, picture: Array) -> Array:
        """uint8 (H, W, 3) RGB of that size → logits, float32 (classes, H, W)."""
        (width, height), (rows, columns) = self.size, picture.shape[:2]
        whole = np.full((1, height, width, 3), GREY, np.uint8)
        whole[0, :rows, :columns] = picture
        logits: Array = self._run([whole])[0][0, :, :rows, :columns]
        return logits
