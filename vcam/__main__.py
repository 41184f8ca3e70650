"""The way in: `segblur` and `python -m vcam`."""

import sys

from vcam.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
