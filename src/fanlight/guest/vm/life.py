"""The life of process 1: set up, run the agent, carry its sockets, end with it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

from fanlight import wire
from fanlight.errors import WireError
from fanlight.guest.options import RENEW, RENEWED
from fanlight.relay import Relay, StreamOver

from .agent_process import spawn_agent
from .given import Given, read_given
from .identity import NotIdentified, take_on
from .mounts import RUN_DIR, mount_proc, mount_rest
from .network import bring_up
from .port import open_port
from .settling import NEEDED, until_quiet

AGENT = "agent"
"""The stage at which the agent hears a signal."""
_RB_POWER_OFF = 0x4321FEDC
"""reboot(2)."""
_SAY_LAST_S = 0.3


def main() -> int:
    """Be process 1. Never returns: the machine is switched off at the end."""
    try:
        mount_proc()
        given = read_given()
        mount_rest(given.home_mib)
        bring_up()
        _prefer_others_for_killing()
        asyncio.run(_live(given))
    except* (OSError, ValueError, StreamOver, WireError) as group:
        for error in _each(group):
            sys.stderr.write(f"fanlight: {type(error).__name__}: {error}\n")
    finally:
        if sys.exc_info()[0]:  # or nobody would ever read of it
            traceback.print_exc()
        _switch_off()
    return 1


def _each(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for each in group.exceptions:
        found += _each(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


async def _live(given: Given) -> None:
    await Life(open_port(), given).run()


def _prefer_others_for_killing() -> None:
    Path("/proc/self/oom_score_adj").write_text("-1000")


def _switch_off() -> None:
    sys.stderr.flush()
    os.sync()
    ctypes.CDLL(None).reboot(ctypes.c_int(_RB_POWER_OFF))


class Life:
    """What process 1 does once it is set up."""

    def __init__(self, port: int, given: Given) -> None:
        self._given = given
        self._relay = Relay(wire.GuestMux(), port, on_event=self._hear, may_be_away=True)
        self._tasks = asyncio.TaskGroup()
        self._agent = -1
        self._stages: set[str] = set()
        self._all_stages = asyncio.Event()
        self._is_settled = False
        self._nonce = ""
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Live until the agent ends."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._bury)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stages, stages_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._agent = spawn_agent(theirs.fileno(), stages_write, self._given)
        theirs.close()
        os.close(stages_write)
        loop.add_reader(stages, self._read_stages, stages)
        with contextlib.suppress(asyncio.CancelledError):
            async with self._tasks as tasks:
                running = [
                    tasks.create_task(self._relay.run()),
                    tasks.create_task(self._relay.carry_control(ours)),
                    tasks.create_task(self._settle()),
                ]
                await self._over.wait()
                await asyncio.sleep(_SAY_LAST_S)
                for each in running:
                    each.cancel()

    # --- the agent ----------------------------------------------------------------------------

    def _bury(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == self._agent:
                    status = os.waitstatus_to_exitcode(found[1])
                    self._relay.say(wire.VmFailed(f"the agent ended with status {status}"))
                    self._over.set()

    def _read_stages(self, stages: int) -> None:
        data = os.read(stages, 4096)
        if not data:
            asyncio.get_running_loop().remove_reader(stages)
            return
        reached = data.decode(errors="replace").split()
        # Who waits for the desktop in vain reads on the console how far it came.
        sys.stderr.write("".join(f"fanlight: {each} is up\n" for each in reached))
        self._stages.update(reached)
        if RENEWED in reached:
            self._relay.say(wire.VmIdentified(self._nonce))
        if self._stages >= NEEDED:
            self._all_stages.set()

    async def _settle(self) -> None:
        await self._all_stages.wait()
        await until_quiet()
        sys.stderr.write("fanlight: the desktop is quiet\n")
        self._is_settled = True
        self._relay.say(wire.VmSettled())

    # --- the host -----------------------------------------------------------------------------

    def _hear(self, event: wire.MuxEvent) -> None:
        match event:
            case wire.MuxMessage(wire.IdentifyVm() as said):
                self._identify(said)
            case wire.ChannelOpened(channel, service):
                self._relay.expect(channel)
                self._tasks.create_task(self._serve(channel, service))
            case wire.MuxFresh() if self._is_settled:
                self._relay.say(wire.VmSettled())
            case wire.MuxLost(detail):
                sys.stderr.write(f"fanlight: the host's stream was lost: {detail}\n")
            case _:
                pass

    def _identify(self, said: wire.IdentifyVm) -> None:
        is_first, self._nonce = not self._nonce, said.nonce
        try:
            take_on(said)
        except NotIdentified as error:
            self._relay.say(wire.VmFailed(f"the machine's identity: {error}"))
            return
        if is_first and AGENT in self._stages:
            # The agent ends what was drawn from the generator of before, and says when it has.
            os.kill(self._agent, RENEW)
        else:
            self._relay.say(wire.VmIdentified(said.nonce))

    async def _serve(self, channel: int, service: wire.Service) -> None:
        try:
            reader, writer = await asyncio.open_unix_connection(RUN_DIR / f"{service}.sock")
        except OSError:
            self._relay.refuse(channel)
            return
        await self._relay.carry(channel, reader, writer)
