"""`python -m training`, which `segblur train` and its like are."""

import sys

from training.cli import main

if __name__ == "__main__":
    sys.exit(main())
