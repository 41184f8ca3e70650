"""torchvision's segmentation networks, DeepLabv3 (Chen et al. 2017, "Rethinking Atrous Convolution for Semantic Image
Segmentation") and LR-ASPP (Howard et al. 2019, MobileNetV3, §6.4): mostly for weights that others have trained.
"""

from torch import Tensor, nn


class Torchvision(nn.Module):
    """One of torchvision's networks, giving what all networks of this package give: a tensor of logits, not a dict."""

    def __init__(self, name: str, classes: int) -> None:
        super().__init__()
        # Imported here, as it brings torch's compiler along: a second and a hundred megabytes that most weights spare.
        from torchvision.models import get_model  # type: ignore[import-untyped]

        # Without a word on the backbone, torchvision downloads one for a network that is about to get its weights here.
        # The auxiliary head, which it has for training, stays out unless asked for.
        self.network = get_model(name, weights=None, weights_backbone=None, num_classes=classes)

    def forward(self, x: Tensor) -> Tensor:
        """Float (N, 3, H, W), RGB, normalised as the weights file says → logits, float (N, classes, H, W)."""
        logits: Tensor = self.network(x)["out"]
        return logits
