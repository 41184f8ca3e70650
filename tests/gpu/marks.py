"""Which tests a CUDA GPU is needed for."""

import pytest
import torch


def needs_gpu(test):
    """Not run without one; `-m gpu` runs these and those that do more where there is one."""
    return pytest.mark.gpu(pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")(test))
