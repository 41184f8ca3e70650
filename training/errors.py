"""The error that every room of training raises."""


class DataError(Exception):
    """A folder, picture, file or option that training can't use; the text says which and what to do."""
