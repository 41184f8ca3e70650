"""Building a network without drawing its first weights."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class Uninitialised(TorchFunctionMode):
    """Within it, nothing is drawn from a normal distribution. On tensors without numbers that is no loss, and drawing
    would import torch's compiler: a second and a hundred megabytes, before anybody sees a picture.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Every call of torch's, as it is, but for those that draw."""
        kwargs = kwargs or {}
        if func in (Tensor.normal_, nn.init.normal_):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
