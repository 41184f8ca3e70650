"""Says yes in polkit's place, which the image lacks: without it logind lets no ordinary user delay sleep. As root."""

import asyncio

from dbus_fast import BusType
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_method

NAME, PATH = "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority"


class Authority(ServiceInterface):
    """The one method that logind calls."""

    @dbus_method()
    def CheckAuthorization(  # noqa: N802 - D-Bus' name
        self,
        subject: "(sa{sv})",  # noqa: F722 - D-Bus' types
        action: "s",  # noqa: F821
        details: "a{ss}",  # noqa: F722
        flags: "u",  # noqa: F821
        cancellation: "s",  # noqa: F821
    ) -> "(bba{ss})":  # noqa: F722
        """Authorized, without asking anybody."""
        return [True, False, {}]


async def main() -> None:
    """For ever."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bus.export(PATH, Authority(f"{NAME}.Authority"))
    await bus.request_name(NAME)
    await bus.wait_for_disconnect()


if __name__ == "__main__":
    asyncio.run(main())
