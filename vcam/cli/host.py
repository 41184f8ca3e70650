"""`segblur setup` and `doctor`: this machine. Both work with a settings file that is broken."""

from vcam.cli.options import Commands, add_command


def add(commands: Commands) -> None:
    """The commands."""
    from vcam.host import doctor, setup

    text = "makes the virtual camera and the service; shows the commands and asks first"
    setup.add_arguments(add_command(commands, "setup", setup.run, text))
    text = "says what is wrong on this machine, and the command that mends it"
    doctor.add_arguments(add_command(commands, "doctor", doctor.run, text))
