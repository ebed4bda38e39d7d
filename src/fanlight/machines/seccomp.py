"""The filter on a machine's system calls: classic BPF (seccomp(2)), assembled here.

It refuses what no desktop needs and what kernel exploits are made of. User namespaces stay
allowed, as Chromium's own sandbox is made of them; what they would unlock (mounts, packet sockets,
netfilter) is refused instead. Everything not named here is allowed.
"""

from __future__ import annotations

import errno
import platform
import struct

from fanlight.errors import HostError

# seccomp_data: nr at 0, arch at 4, instruction_pointer at 8, args (64 bits each) from 16 on.
NR_OFFSET, ARCH_OFFSET, ARGS_OFFSET = 0, 4, 16
LOAD_WORD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
KILL_PROCESS, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
X32_BIT = 0x40000000

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""AUDIT_ARCH_* of linux/audit.h. A call made for another architecture kills the process."""

REFUSED: dict[str, tuple[int | None, int | None]] = {
    # keys, programs in the kernel, performance counters, rings: each the ground of many exploits
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # the running kernel
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "acct": (163, 89),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    # file systems: Chromium's namespace sandbox uses chroot, never mount (tried)
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "setns": (308, 268),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "lookup_dcookie": (212, 18),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "nfsservctl": (180, 42),
    "uselib": (134, None),
    "ustat": (136, None),
    "sysfs": (139, None),
    "_sysctl": (156, None),
    # other processes' memory: the agent holds a token that the browser must not read
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
}
"""Refused outright with EPERM: numbers for x86_64 and aarch64 (None: it has no such call)."""

SOCKET, IOCTL, PERSONALITY = (41, 198), (16, 29), (135, 92)

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, NETLINK_ROUTE = 1, 2, 10, 16, 0
TERMINAL_INJECTION = (0x5412, 0x541C)
"""TIOCSTI types into a terminal, TIOCLINUX pastes into one."""
PERSONALITIES = (0x0, 0xFFFFFFFF)
"""PER_LINUX and the question what it is; all others weaken address randomisation."""


def seccomp_program(machine: str = "") -> bytes:
    """Give the filter as `bwrap --seccomp` takes it: an array of struct sock_filter.

    `machine` is an architecture as in uname(2); this host's when not given.

    Raises:
        HostError: the architecture is none of `ARCHITECTURES`.
    """
    name = machine or platform.machine()
    if name not in ARCHITECTURES:
        raise HostError(f"no system call filter is known for {name}")
    column = list(ARCHITECTURES).index(name)
    code = _check_architecture(ARCHITECTURES[name])
    for number in (numbers[column] for numbers in REFUSED.values()):
        if number is not None:
            code += [_jump(JUMP_EQUAL, number, 0, 1), _refuse(errno.EPERM)]
    code += _for_call(PERSONALITY[column], _allow_only_arguments(0, PERSONALITIES))
    code += _for_call(IOCTL[column], _refuse_arguments(1, TERMINAL_INJECTION))
    code += _for_call(SOCKET[column], _socket_rule())
    return b"".join([*code, _return(ALLOW)])


def _check_architecture(audit_arch: int) -> list[bytes]:
    return [
        _load(ARCH_OFFSET),
        _jump(JUMP_EQUAL, audit_arch, 1, 0),
        _return(KILL_PROCESS),
        _load(NR_OFFSET),
        _jump(JUMP_AT_LEAST, X32_BIT, 0, 1),
        _refuse(errno.ENOSYS),
    ]


def _for_call(number: int, rule: list[bytes]) -> list[bytes]:
    """Run `rule`, which returns in the end, for one call; the number stays loaded for others."""
    return [_jump(JUMP_EQUAL, number, 0, len(rule)), *rule]


def _refuse_arguments(index: int, values: tuple[int, ...]) -> list[bytes]:
    rule = [_load(ARGS_OFFSET + 8 * index)]
    for value in values:
        rule += [_jump(JUMP_EQUAL, value, 0, 1), _refuse(errno.EPERM)]
    return [*rule, _return(ALLOW)]


def _allow_only_arguments(index: int, values: tuple[int, ...]) -> list[bytes]:
    rule = [_load(ARGS_OFFSET + 8 * index)]
    for value in values:
        rule += [_jump(JUMP_EQUAL, value, 0, 1), _return(ALLOW)]
    return [*rule, _refuse(errno.EPERM)]


def _socket_rule() -> list[bytes]:
    """Allow Unix, IP and route-netlink sockets (getifaddrs(3) needs the latter), nothing else."""
    rule = [_load(ARGS_OFFSET)]
    for family in (AF_UNIX, AF_INET, AF_INET6):
        rule += [_jump(JUMP_EQUAL, family, 0, 1), _return(ALLOW)]
    return [
        *rule,
        _jump(JUMP_EQUAL, AF_NETLINK, 1, 0),
        _refuse(errno.EAFNOSUPPORT),
        _load(ARGS_OFFSET + 8 * 2),
        _jump(JUMP_EQUAL, NETLINK_ROUTE, 0, 1),
        _return(ALLOW),
        _refuse(errno.EAFNOSUPPORT),
    ]


def _load(offset: int) -> bytes:
    return struct.pack("=HBBI", LOAD_WORD, 0, 0, offset)


def _jump(kind: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("=HBBI", kind, if_true, if_false, value)


def _refuse(number: int) -> bytes:
    return _return(ERRNO | number)


def _return(value: int) -> bytes:
    return struct.pack("=HBBI", RETURN, 0, 0, value)
