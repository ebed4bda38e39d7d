"""The gateway's entry: arguments, the main loop, and which message goes where.

`/usr/bin/python3 -I -S gateway.pyz --listen-fd N [--announce IP]... [--udp-ports LO-HI]`

Threading: one GLib main loop on the main thread does everything but what GStreamer does on its own
threads; `peer.py` is the only file that those threads enter.
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import os
import re
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from fanlight import wire
from fanlight.errors import FanlightError, WireError

from .connection import Surroundings
from .control import Link, Server
from .gst import GLib, start
from .limits import Limits
from .networks import (
    Address,
    Network,
    ViewerNetworks,
    default_addresses,
    default_viewer_networks,
    is_local,
)
from .peer import Ground
from .session import Session
from .viewer import Viewer
from .waiting import WaitingMachine
from .warm_up import warm_up


class Gateway:
    """The sessions of a host, and what is asked of them."""

    def __init__(self, listener: socket.socket, surroundings: Surroundings) -> None:
        self._around = surroundings
        self._limits = surroundings.limits
        self._sessions: dict[wire.SessionId, Session] = {}
        self._waiting: dict[wire.MachineRef, WaitingMachine] = {}
        self._server = Server(listener, limits=self._limits, handle=self._handle)
        self._timer = GLib.timeout_add(int(self._limits.stats_s * 1000), self._tell_stats)

    def close(self) -> None:
        """End every session and stop listening."""
        GLib.source_remove(self._timer)
        for session in list(self._sessions.values()):
            session.close()
        self._sessions.clear()
        for waiting in self._waiting.values():
            waiting.close()
        self._waiting.clear()
        self._server.close()

    def _tell_stats(self) -> bool:
        for session in list(self._sessions.values()):
            session.tell_stats()
        return True

    def _handle(self, link: Link, message: wire.Message) -> None:
        match message:
            case wire.GatewayHello():
                link.is_controller = True
                link.say(self._welcome())
            case wire.OpenSession(session=session, codec=codec):
                self._session(session, codec).set_codec(codec)
            case wire.CloseSession(session=session):
                if (known := self._sessions.pop(session, None)) is not None:
                    known.close()
            case wire.OpenConnection():
                self._open_connection(message)
            case wire.OpenStream():
                self._open_stream(link, message)
            case wire.ViewerCandidate() | wire.SetControl() | wire.CloseConnection():
                self._tell_connection(message)
            case wire.DescribeSession(session=session):
                held = self._sessions.get(session)
                link.say(held.describe() if held else wire.SessionDescribed(session, known=False))
            case wire.AttachMachine():
                rtp, rtcp, control = link.take_sockets(3)
                self._attach(message, (rtp, rtcp, control))
            case wire.DetachMachine(session=session, machine=machine):
                if (waiting := self._waiting.pop(machine, None)) is not None:
                    waiting.close()
                if (known := self._sessions.get(session)) is not None:
                    known.detach(machine)
            case _:
                raise WireError(f"{type(message).__name__} is not for the gateway")

    def _welcome(self) -> wire.GatewayWelcome:
        held: dict[wire.ConnectionId, Viewer] = {}
        for session in self._sessions.values():
            held |= session.connections
        controlling = [id_ for id_, viewer in held.items() if viewer.controls]
        controlling += [each.owed for each in self._sessions.values() if each.owed is not None]
        return wire.GatewayWelcome(
            os.getpid(),
            tuple(self._sessions),
            tuple(held),
            tuple(controlling),
            watching=tuple(id_ for id_, viewer in held.items() if viewer.watches_only),
        )

    def _session(self, session: wire.SessionId, codec: str) -> Session:
        if session not in self._sessions:
            self._sessions[session] = Session(
                session,
                codec="h264" if codec == "h264" else "vp8",
                surroundings=self._around,
                say=self._server.say,
            )
        return self._sessions[session]

    def _attach(
        self,
        message: wire.AttachMachine,
        sockets: tuple[socket.socket, socket.socket, socket.socket],
    ) -> None:
        waiting = self._waiting.pop(message.waited_as or message.machine, None)
        if not message.session:
            if waiting is not None:
                waiting.close()
            ref = message.machine
            self._waiting[ref] = WaitingMachine(ref, sockets, limits=self._limits)
        elif waiting is not None:
            for each in sockets:  # those it waited with are the same, and what came is known
                each.close()
            self._session(message.session, "vp8").take(message.machine, waiting)
        else:
            self._session(message.session, "vp8").attach(message.machine, sockets)

    def _open_connection(self, request: wire.OpenConnection) -> None:
        why_not = self._refusal(request)
        if why_not is not None:
            self._server.say(why_not)
        else:
            self._sessions[request.session].open_connection(request)

    def _open_stream(self, link: Link, request: wire.OpenStream) -> None:
        why_not = self._refusal(request)
        if why_not is None and self._sessions[request.session].codec not in request.codecs:
            detail = "The viewer does not decode the codec of this session's picture."
            why_not = _rejected(request, "codec-unsupported", detail)
        end = link.give_away()
        if why_not is None:
            self._sessions[request.session].open_stream(request, end)
            return
        with end, contextlib.suppress(OSError):
            end.send(wire.encode(why_not))

    def _refusal(
        self, request: wire.OpenConnection | wire.OpenStream
    ) -> wire.ConnectionRejected | None:
        """Say why a viewer cannot be taken; None: it can."""
        session = self._sessions.get(request.session)
        total = sum(len(each.connections) for each in self._sessions.values())
        if session is None:
            return _rejected(request, "session-not-found", "The gateway holds no such session.")
        if request.connection in session.connections:
            return _rejected(request, "offer-rejected", "The connection was opened already.")
        if len(session.connections) >= self._limits.connections_per_session:
            detail = "The session has as many viewers as it may."
            return _rejected(request, "limit-reached", detail)
        if total >= self._limits.connections:
            detail = "The gateway has as many viewers as it may."
            return _rejected(request, "limit-reached", detail)
        return None

    def _tell_connection(
        self, message: wire.ViewerCandidate | wire.SetControl | wire.CloseConnection
    ) -> None:
        session = self._sessions.get(message.session)
        connection = session.connections.get(message.connection) if session else None
        if connection is None:
            return
        match message:
            case wire.ViewerCandidate(candidate=candidate):
                connection.add_candidate(candidate)
            case wire.SetControl(controls=controls):
                connection.set_control(controls=controls)
                if controls and session is not None:
                    session.owed = None
            case wire.CloseConnection():
                connection.close()


def _rejected(
    request: wire.OpenConnection | wire.OpenStream, code: str, detail: str
) -> wire.ConnectionRejected:
    return wire.ConnectionRejected(request.session, request.connection, code, detail)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the gateway until SIGTERM or SIGINT; gives the exit status."""
    given = _parser().parse_args(arguments)
    try:
        start()
        surroundings = _surroundings(given)
        warm_up(surroundings)
    except FanlightError as error:
        print(f"gateway: {error}. {error.hint}", file=sys.stderr)  # noqa: T201
        return 1
    loop = GLib.MainLoop()
    for number in (signal.SIGTERM, signal.SIGINT):
        GLib.unix_signal_add(GLib.PRIORITY_HIGH, number, loop.quit)
    gateway = Gateway(_listener(given), surroundings)
    loop.run()
    gateway.close()
    if given.socket is not None:
        given.socket.unlink(missing_ok=True)
    return 0


def _surroundings(given: argparse.Namespace) -> Surroundings:
    announced: tuple[Address, ...] = tuple(given.announce) or default_addresses()
    gathered = [address for address in announced if is_local(address)]
    # An announced address that the host does not have stands for a NAT: what is behind it is the
    # host's own default address.
    families = {address.version for address in gathered if not address.is_loopback}
    for address in announced:
        if address not in gathered and address.version not in families:
            gathered += [
                own
                for own in default_addresses()
                if own.version == address.version and not own.is_loopback and own not in gathered
            ]
    networks = tuple(given.viewer_network) or default_viewer_networks(announced)
    own = tuple(each for each in (*announced, *gathered) if not each.is_loopback)
    ground = Ground(tuple(gathered), given.udp_ports)
    return Surroundings(Limits(), announced, ViewerNetworks(networks, own), ground)


def _listener(given: argparse.Namespace) -> socket.socket:
    if given.listen_fd is not None:
        return socket.socket(fileno=given.listen_fd)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    given.socket.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        listener.bind(str(given.socket))
    finally:
        os.umask(before)
    listener.listen(16)
    return listener


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gateway.pyz", description="Fanlight's media gateway.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--socket", type=Path, help="make a Unix socket here (mode 0600)")
    where.add_argument("--listen-fd", type=int, help="number of a listening Unix socket")
    parser.add_argument("--announce", type=ipaddress.ip_address, action="append", default=[])
    parser.add_argument("--viewer-network", type=_network, action="append", default=[])
    parser.add_argument("--udp-ports", type=_ports, help="LO-HI, for viewers")
    return parser


def _network(text: str) -> Network:
    return ipaddress.ip_network(text)


def _ports(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if match is None or not 1024 <= int(match[1]) <= int(match[2]) <= 65535:
        raise argparse.ArgumentTypeError("two ports, 1024-65535, the lower first")
    return int(match[1]), int(match[2])
