"""`python -m training`, which `segblur train` and its like are."""

import sys

from segnet.extras import lacking


def main() -> int:
    """The exit code; 1 with a sentence where what training needs is not installed."""
    if lack := lacking("training", "train", beside=("torchvision", "matplotlib")):
        print(f"segblur: {lack}", file=sys.stderr)
        return 1
    from training.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
