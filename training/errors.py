"""What is expected to go wrong, apart from what needs torch, so that --help does not pay for that."""


class DataError(Exception):
    """A folder or picture that training can't use; the text says which and what to do."""
