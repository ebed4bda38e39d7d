"""The argument list of QEMU: a pure function, so that it can be read and tested.

A snapshot is restored by a QEMU with the same devices in the same order, so there is one list for
both, and what differs is said in one place each.
"""

from __future__ import annotations

from dataclasses import dataclass

from .options import Options

QEMU = "/usr/bin/qemu-system-x86_64"
SNAPSHOT_MAC = "52:54:00:fa:17:00"
"""What the machine of the snapshot has; each clone is given its own."""
_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


@dataclass(frozen=True, slots=True)
class Ends:
    """Descriptors that QEMU inherits."""

    stream: int
    qmp: int
    tap: int


def qemu_argv(options: Options, ends: Ends) -> list[str]:
    """Give the command of one machine."""
    return [
        QEMU,
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        *("-display", "none"),
        *("-sandbox", _SANDBOX),
        *_processors_and_memory(options),
        *("-kernel", str(options.kernel), "-initrd", str(options.initrd)),
        *("-append", command_line(options)),
        *_disks(options),
        *_network(ends.tap),
        *_stream(ends.stream),
        *("-object", "rng-random,id=entropy,filename=/dev/urandom"),
        *("-device", "virtio-rng-pci,rng=entropy"),
        *("-chardev", f"socket,id=qmp,fd={ends.qmp}", "-mon", "chardev=qmp,mode=control"),
        *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
        *(("-incoming", "defer") if options.is_restoring or options.is_resuming else ()),
    ]


def command_line(options: Options) -> str:
    """Give the kernel's command line."""
    words = [
        "console=ttyS0 quiet loglevel=3 panic=-1",
        "net.ifnames=0 ipv6.disable=1",
        "random.trust_cpu=off",
        f"fanlight.display={options.display}",
        f"fanlight.login={int(options.restricted)}",
        f"fanlight.pids={options.pids}",
        f"fanlight.home={options.home_mib}",
    ]
    if options.accel == "tcg":
        # Emulated processors have no such leaks, and no speed to spare.
        words.append("mitigations=off tsc=reliable")
    return " ".join(words)


def _processors_and_memory(options: Options) -> tuple[str, ...]:
    accel = "tcg,thread=multi,tb-size=512" if options.accel == "tcg" else "kvm"
    cpu = "max" if options.accel == "tcg" else "host"
    size = f"{options.memory_mib}M"
    memory = f"memory-backend-ram,id=ram,size={size}"
    if options.memory:
        share = "on" if options.is_saving else "off"
        memory = f"memory-backend-file,id=ram,size={size},mem-path={options.memory},share={share}"
    return (
        *("-machine", "q35,memory-backend=ram,vmport=off,smm=off"),
        *("-accel", accel),
        *("-cpu", cpu),
        *("-smp", str(options.cpus)),
        *("-m", size),
        *("-object", memory),
    )


def _disks(options: Options) -> list[str]:
    words: list[str] = []
    for number, layer in enumerate(options.layers):
        name = f"layer{number}"
        words += [
            "-blockdev",
            f"driver=file,node-name={name},filename={layer},read-only=on,auto-read-only=off",
            "-device",
            f"virtio-blk-pci,drive={name}",
        ]
    return words


def _network(tap: int) -> tuple[str, ...]:
    return (
        *("-netdev", f"tap,id=cable,fd={tap},vhost=off"),
        *("-device", f"virtio-net-pci,netdev=cable,mac={SNAPSHOT_MAC},romfile="),
    )


def _stream(stream: int) -> tuple[str, ...]:
    return (
        *("-device", "virtio-serial-pci,max_ports=2"),
        *("-chardev", f"socket,id=stream,fd={stream}"),
        *("-device", "virtserialport,chardev=stream,name=fanlight.0"),
    )
