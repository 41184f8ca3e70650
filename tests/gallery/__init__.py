"""The backgrounds that come with SegBlur are drawn by `python -m tests.gallery`: nobody else has rights in them."""
