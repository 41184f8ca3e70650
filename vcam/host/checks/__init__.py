"""The checks of `segblur doctor`: a file a subject; doctor.py lists them."""
