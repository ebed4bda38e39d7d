"""The keeper: the one process per DATA directory that is parent of gateway, proxies and machines.

It is small, boring and rarely changed, so that the controller may be restarted, upgraded or killed
in the middle of a session. One event loop, no threads (see children.py).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

from fanlight.errors import FanlightError, MachineRefused, WireError
from fanlight.wire import (
    AssignMachine,
    AttachEgress,
    AttachMachine,
    Decoder,
    DestroyMachine,
    DetachEgress,
    DetachMachine,
    EndKeeper,
    GatewayExited,
    GatewaySpawned,
    KeeperHello,
    KeeperState,
    MachineAssigned,
    MachineGone,
    MachineNotSpawned,
    MachineRef,
    MachineSpawned,
    Message,
    SpawnMachine,
    encode,
)

from .assigning import assign
from .cgroups import find_cgroups
from .children import Children
from .layout import Layout
from .leftovers import cgroup_name, record_processes, remove_leftovers, take_lock
from .machine import KeptMachine
from .orphans import Owned, Sweep
from .runtime import install_runtime
from .services import EgressProxy, Gateway, Supervised, listen_at, only_refusals
from .settings import KeeperSettings, keeper_from_json, mark_of, read_descriptor
from .turn import Turn
from .writes import WriteWatch

log = logging.getLogger(__name__)

READ_BYTES = 65_536
END_S = 10.0
"""How long machines may take to end when the keeper does."""
HANG_UP_S = 1.0
IN_PLACE_EVERY_S = 2.0


class Keeper:
    """Everything that one keeper holds. Lives inside `run`."""

    def __init__(
        self,
        settings: KeeperSettings,
        gateway_program: Path,
        tasks: asyncio.TaskGroup,
        lock: int,
    ) -> None:
        self.settings, self._tasks, self._lock = settings, tasks, lock
        self.layout = Layout(settings.data)
        self._children = Children()
        self._writes = WriteWatch(self._destroy_for_writing)
        self._cgroups = find_cgroups(cgroup_name(self.layout))
        self._machines: dict[MachineRef, KeptMachine] = {}
        self._controllers: set[asyncio.StreamWriter] = set()
        self._ended = asyncio.Event()
        self._alone = asyncio.Event()
        self._alone.set()
        self._company = asyncio.Event()
        self._no_machines = asyncio.Event()
        self._no_machines.set()
        self._gateway = Supervised(
            Gateway(self.layout, settings, gateway_program),
            self._children,
            on_spawned=self._gateway_spawned,
            on_exited=lambda status, tail: self._tell(GatewayExited(status, tail)),
            on_message=lambda message: None,
        )
        self._egress = Supervised(
            EgressProxy(settings),
            self._children,
            on_spawned=self._egress_spawned,
            on_exited=lambda status, tail: None,
            on_message=only_refusals(self._tell),
        )
        self._turn_service = settings.turn and Turn(self.layout, settings, settings.turn)
        self._turn = self._turn_service and Supervised(
            self._turn_service,
            self._children,
            on_spawned=lambda turn: self._record(),
            on_exited=lambda status, tail: None,
            on_message=lambda message: None,
        )

    async def run(self, ready: asyncio.Event) -> None:
        """Serve until told to end, signalled, or left alone; then end everything in order."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        remove_leftovers(self.layout, self._cgroups)
        self._cgroups = find_cgroups(cgroup_name(self.layout))
        wanted = (self._gateway, self._egress, self._turn)
        services = [self._tasks.create_task(each.run()) for each in wanted if each]
        server = await asyncio.start_unix_server(
            self._serve, sock=listen_at(self.layout.keeper_socket)
        )
        watches = [
            self._tasks.create_task(self._end_when_left_alone()),
            self._tasks.create_task(self._end_when_moved()),
        ]
        sweep = Sweep(self.layout, self._cgroups, self._owned)
        watches.append(self._tasks.create_task(sweep.run(self.settings.sweep_s, self._tell)))
        ready.set()
        try:
            await self._ended.wait()
        finally:
            log.info("ending")
            for each in watches:
                each.cancel()
            server.close()
            await self._end(services)

    async def _end(self, services: list[asyncio.Task[None]]) -> None:
        for machine in self._machines.values():
            machine.destroyed.set()
        # What is not gone by then dies with us: every child asked the kernel for that.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._no_machines.wait()
        for each in services:
            each.cancel()
        await asyncio.gather(*services, return_exceptions=True)
        for writer in list(self._controllers):
            writer.close()
        # Whoever reads from them ends by itself then, rather than cancelled in the middle.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_UP_S):
                await self._alone.wait()
        if self._cgroups:
            self._cgroups.remove()
        self._children.close()
        self._writes.close()
        if not self._is_in_place():
            return  # what has these names now is another keeper's
        for path in (
            self.layout.keeper_socket,
            self.layout.gateway_socket,
            self.layout.processes,
        ):
            path.unlink(missing_ok=True)

    async def _end_when_moved(self) -> None:
        """End when the directory was removed: nobody could find us any more."""
        while self._is_in_place():  # noqa: ASYNC110 - nobody tells us of it
            await asyncio.sleep(IN_PLACE_EVERY_S)
        log.warning("%s is not there any more", self.layout.data)
        self._ended.set()

    def _is_in_place(self) -> bool:
        """Whether the lock that we hold is the one that others would find."""
        try:
            return os.path.samestat(os.fstat(self._lock), self.layout.lock.stat())
        except OSError:
            return False

    def _owned(self) -> Owned:
        names = (name for each in self._machines.values() for name in each.names)
        return Owned(frozenset(names), frozenset(each.pid for each in self._children.running))

    def _destroy_for_writing(self, ref: MachineRef) -> None:
        if (machine := self._machines.get(ref)) and not machine.fault:
            log.warning("machine %s wrote files in its directory", ref)
            machine.fault = "it wrote files where only its sockets belong, and was destroyed"
            machine.destroyed.set()

    async def _end_when_left_alone(self) -> None:
        while True:
            await self._alone.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.settings.idle_s):
                    await self._company.wait()
                    continue
            log.info("no controller for %g s", self.settings.idle_s)
            self._ended.set()
            return

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._controllers.add(writer)
        self._alone.clear()
        self._company.set()
        decoder = Decoder()
        try:
            while data := await reader.read(READ_BYTES):
                for message in decoder.feed(data):
                    self._obey(message, writer)
        except WireError as error:
            log.warning("a controller said what is no message: %s", error)
        except OSError as error:
            log.info("a controller's connection broke: %s", error)
        finally:
            self._controllers.discard(writer)
            if not self._controllers:
                self._company.clear()
                self._alone.set()
            writer.close()

    def _obey(self, message: Message, writer: asyncio.StreamWriter) -> None:
        match message:
            case KeeperHello():
                if self._turn_service:
                    self._turn_service.renew()
                writer.write(encode(self._state()))
            case SpawnMachine():
                self._spawn(message, writer)
            case AssignMachine():
                self._assign(message, writer)
            case DestroyMachine(ref):
                if machine := self._machines.get(ref):
                    machine.destroyed.set()
                else:
                    writer.write(encode(MachineGone(ref, 0)))
            case EndKeeper():
                self._ended.set()
            case _:
                raise WireError(f"{type(message).__name__} is not for the keeper")

    def _state(self) -> KeeperState:
        machines = tuple(each.record for each in self._machines.values() if each.descriptors)
        turn_pid = self._turn.pid if self._turn else 0
        mark = mark_of(self.settings)
        return KeeperState(os.getpid(), self._gateway.pid, machines, mark, turn_pid)

    def _spawn(self, spec: SpawnMachine, writer: asyncio.StreamWriter) -> None:
        if spec.machine in self._machines or self._ended.is_set():
            is_there = spec.machine in self._machines
            detail = "there is a machine of that name" if is_there else "the keeper is ending"
            writer.write(encode(MachineNotSpawned(spec.machine, MachineRefused.code, detail)))
            return
        machine = KeptMachine(spec, self.layout, self._cgroups, self._writes)
        self._machines[spec.machine] = machine
        self._no_machines.clear()
        self._tasks.create_task(self._keep(machine, writer))

    async def _keep(self, machine: KeptMachine, writer: asyncio.StreamWriter) -> None:
        """Carry one machine through its life, and say when it is over."""
        refusal = ""
        try:
            await machine.boot(self._children, self.settings.boot_timeout_s)
        except MachineRefused as error:
            refusal = str(error)
        else:
            self._attach(machine)
            self._record()
            writer.write(encode(MachineSpawned(machine.ref, machine.record.pid)))
            await machine.ended()
            self._detach(machine)
        status, tail = await machine.remove()
        ref = machine.ref  # not what it was spawned as, if it was given a session since
        del self._machines[ref]
        self._record()
        if not self._machines:
            self._no_machines.set()
        if refusal:
            detail = f"{refusal}: {tail}" if tail else refusal
            writer.write(encode(MachineNotSpawned(ref, MachineRefused.code, detail)))
        if not refusal or machine.destroyed.is_set():
            self._tell(MachineGone(ref, status, tail, machine.full_mib))

    def _assign(self, message: AssignMachine, writer: asyncio.StreamWriter) -> None:
        try:
            machine = assign(message, self._machines, self.layout)
        except MachineRefused as error:
            answer = MachineNotSpawned(message.as_machine, MachineRefused.code, str(error))
            writer.write(encode(answer))
            return
        self._attach_media(machine, waited_as=message.machine)
        self._attach_egress(machine)
        writer.write(encode(MachineAssigned(machine.ref, machine.record.pid)))

    def _attach(self, machine: KeptMachine) -> None:
        self._attach_media(machine)
        self._attach_egress(machine)

    def _attach_media(
        self,
        machine: KeptMachine,
        waited_as: MachineRef | None = None,
    ) -> None:
        if held := machine.descriptors:
            numbers = [held.rtp.fileno(), held.rtcp.fileno(), held.control.fileno()]
            spec = machine.spec
            self._gateway.send(AttachMachine(spec.session, spec.machine, waited_as), numbers)

    def _attach_egress(self, machine: KeptMachine) -> None:
        if machine.is_assigned and (held := machine.descriptors):
            spec = machine.spec
            self._egress.send(AttachEgress(spec.machine, spec.policy), [held.egress.fileno()])

    def _detach(self, machine: KeptMachine) -> None:
        spec = machine.spec
        self._gateway.send(DetachMachine(spec.session, spec.machine))
        if machine.is_assigned:  # or the proxy never heard of it
            self._egress.send(DetachEgress(spec.machine))

    def _gateway_spawned(self, gateway: Supervised) -> None:
        for machine in self._machines.values():
            self._attach_media(machine)
        self._record()
        self._tell(GatewaySpawned(gateway.pid))

    def _egress_spawned(self, _: Supervised) -> None:
        for machine in self._machines.values():
            self._attach_egress(machine)
        self._record()

    def _tell(self, message: Message) -> None:
        for writer in self._controllers:
            writer.write(encode(message))

    def _record(self) -> None:
        try:
            record_processes(self.layout, self._children.running)
        except OSError as error:
            # A full disk ends no machine: children die with us without this record too.
            log.warning("what runs cannot be written down: %s", error)


def run_keeper(settings: KeeperSettings, ready_fd: int = -1) -> None:
    """Be the keeper of a DATA directory until told to end.

    `ready_fd`, when given, is written to and closed once the keeper listens.

    Raises:
        KeeperUnavailable: the directory has a keeper already.
        FanlightError: the directory cannot be used, or something was not built.
    """
    layout = Layout(settings.data)
    layout.prepare()
    lock = take_lock(layout)
    try:
        program = Path() if settings.gateway_command else install_runtime(layout).gateway
        asyncio.run(_run(settings, program, ready_fd, lock))
    finally:
        os.close(lock)


async def _run(settings: KeeperSettings, program: Path, ready_fd: int, lock: int) -> None:
    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        if ready_fd >= 0:
            tasks.create_task(_say_ready(ready, ready_fd))
        await Keeper(settings, program, tasks, lock).run(ready)


async def _say_ready(ready: asyncio.Event, descriptor: int) -> None:
    await ready.wait()
    with contextlib.suppress(BrokenPipeError):
        os.write(descriptor, b"ready")
    os.close(descriptor)


def main() -> int:
    """`python -m fanlight.host.keeper`; give the exit status."""
    parser = argparse.ArgumentParser(prog="fanlight keeper", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, help="the data directory")
    where.add_argument("--settings-fd", type=int, help="read JSON settings from this descriptor")
    parser.add_argument("--ready-fd", type=int, default=-1)
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    if options.data:
        settings = KeeperSettings(options.data.absolute())
    else:
        settings = keeper_from_json(read_descriptor(options.settings_fd))
    try:
        run_keeper(settings, options.ready_fd)
    except FanlightError as error:
        sys.stderr.write(f"{error}\n{error.hint}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
