"""What of pyvirtualcam is named where no virtual camera is opened."""

Camera = None


def register_backend(name, writer):
    pass
