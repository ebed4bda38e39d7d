"""This computer lacks something: the start fails, with the remedy."""

from __future__ import annotations

from .root import FanlightError


class HostError(FanlightError):
    """This computer lacks something that a session needs."""

    code = "host-error"
    title = "This host cannot do that now"
    status = 503


class PackageMissing(HostError):
    """A system package is not installed."""

    code = "package-missing"
    title = "A system package is missing"
    hint = "`./dev up` installs what is missing; apt/run.txt lists it."


class PortInUse(HostError):
    """Another program listens where we were told to."""

    code = "port-in-use"
    title = "The port is in use"
    hint = "Choose another with --port, or 0 for a free one."


class DiskFull(HostError):
    """No room for a session's state."""

    code = "disk-full"
    title = "The disk is full"
    hint = "Free some space in the data directory's file system."


class HostFull(HostError):
    """This host has no room for one more machine; those that run go on."""

    code = "host-full"
    title = "This host is full"
    hint = "Try again when a session has ended, or end one. `fanlight doctor` shows the memory."


class ImageMissing(HostError):
    """Virtual machines need a golden image, and there is none."""

    code = "image-missing"
    title = "There is no golden image"
    hint = "`fanlight image build` makes it; that takes some minutes, once."


class ImageDamaged(HostError):
    """An image is not what was built."""

    code = "image-damaged"
    title = "The image is damaged"
    hint = "`fanlight image build` makes it anew."


class SnapshotFailed(HostError):
    """The machine that all others are to be copies of did not come up."""

    code = "snapshot-failed"
    title = "The machines' snapshot could not be made"
    hint = "Its last lines say why. `fanlight doctor` looks at this host."


class GatewayUnavailable(HostError):
    """The media gateway is not there, or did not answer in time."""

    code = "gateway-unavailable"
    title = "The media gateway is not available"
    hint = "It is restarted by itself; try again in a second."


class KeeperUnavailable(HostError):
    """The keeper is not there, or did not answer in time."""

    code = "keeper-unavailable"
    title = "The keeper is not available"
    hint = "Restart `fanlight serve`; it starts a keeper when there is none."
