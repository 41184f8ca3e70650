"""The base folders of this user, by the XDG base directory specification."""

import os
from pathlib import Path

from vcam.errors import SegBlurError


def base_folder(variable: str, otherwise: str) -> Path:
    """The folder that `variable` names, or else `otherwise` in the home folder. Raises SegBlurError without a home."""
    base = Path(os.environ.get(variable, ""))
    if base.is_absolute():  # others are to be ignored, says the specification
        return base
    try:
        return Path.home() / otherwise
    except RuntimeError:
        raise SegBlurError("there is no home folder for SegBlur's files; set HOME to one") from None
