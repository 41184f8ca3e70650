"""`segblur setup`: a step is a file of this folder; plan.py lists them."""

from vcam.host.setup.command import add_arguments, run

__all__ = ["add_arguments", "run"]
