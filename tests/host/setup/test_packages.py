"""Which packages each distribution needs."""

from dataclasses import replace

import pytest

from tests.helpers.machines import BARE
from tests.helpers.plans import planned
from vcam.errors import SegBlurError
from vcam.host.setup.plan import plan


@pytest.mark.parametrize(
    ("machine", "command"),
    [
        ({"release": "12", "kernel": "6.1.0-37-cloud-amd64"}, "apt-get install -y v4l2loopback-dkms "
         "linux-headers-6.1.0-37-cloud-amd64 linux-headers-cloud-amd64"),
        ({"kernel": "6.17.0-mine"}, "apt-get install -y v4l2loopback-dkms"),
        ({"distribution": ("ubuntu", "debian"), "release": "24.04", "kernel": "6.8.0-45-generic"},
         "apt-get install -y v4l2loopback-dkms linux-headers-6.8.0-45-generic"),
        ({"distribution": ("ubuntu", "debian"), "release": "26.04", "kernel": "7.0.0-12-generic"},
         "apt-get install -y linux-modules-v4l2loopback-generic"),
        ({"distribution": ("linuxmint", "ubuntu", "debian"), "release": "22", "kernel": "6.8.0-45-generic"},
         "apt-get install -y v4l2loopback-dkms linux-headers-6.8.0-45-generic"),
        ({"distribution": ("arch",), "kernel": "6.17.1-arch1-1"},
         "pacman -S --needed --noconfirm v4l2loopback-dkms linux-headers"),
        ({"distribution": ("manjaro", "arch"), "kernel": "6.12.1-lts-1"},
         "pacman -S --needed --noconfirm v4l2loopback-dkms linux-lts-headers"),
        ({"distribution": ("fedora",), "release": "43", "kernel": "6.17.1-300.fc43.x86_64", "rpmfusion": True},
         "dnf install -y akmod-v4l2loopback kernel-devel-6.17.1-300.fc43.x86_64"),
    ],
)  # fmt: skip
def test_each_distribution_has_its_package(machine, command):
    assert planned(replace(BARE, **machine))[0] == f"sudo {command}"


def test_fedora_gets_its_other_repository_first_and_builds_the_module():
    fedora = replace(BARE, distribution=("fedora",), release="43", kernel="6.17.1-300.fc43.x86_64")
    first, _, third, *_ = planned(fedora)
    assert first.endswith("/rpmfusion-free-release-43.noarch.rpm")
    assert third == "sudo akmods --kernels 6.17.1-300.fc43.x86_64"


@pytest.mark.parametrize(
    ("machine", "says"),
    [
        ({"distribution": ("nixos",), "title": "NixOS"}, "the packages of NixOS"),
        ({"distribution": ("rhel", "fedora"), "title": "RHEL"}, "the packages of RHEL"),
        ({"distribution": ("fedora",), "image_based": True}, "rpm-ostree install akmod-v4l2loopback"),
    ],
)
def test_what_only_a_person_can_install_is_an_error(machine, says):
    with pytest.raises(SegBlurError, match=says):
        plan(replace(BARE, **machine))


@pytest.mark.parametrize(
    ("on", "release", "said"), [(True, "24.04", True), (False, "24.04", False), (True, "26.04", False)]
)
def test_secure_boot_is_explained_before_the_module_is_refused(on, release, said):
    machine = replace(BARE, distribution=("ubuntu",), release=release, kernel="7.0.0-1-generic", secure_boot=on)
    assert any("Enroll MOK" in remark for remark in plan(machine).remarks) == said
