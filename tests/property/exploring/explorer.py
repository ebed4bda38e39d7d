"""Visits every world that can come about, breadth first, and looks at each.

What the core is told can arrive in any order, be lost or come twice, as often as a `Budget`
allows; what it tells the gateway arrives in order, as on a socket. The gateway can crash and come
back, the link to it can break, the controller can be restarted. What must hold:

- at most one connected viewer controls; who holds control is alive and has a way to use it;
- nothing is said about a connection after its end, and nothing at all after the session's;
- what the core refuses changes nothing in it;
- a world in which nothing more must happen (no message under way, no timer set) leaves no viewer
  waiting: each sees the picture, was told a reason, or went. Whatever may fail to happen (an
  answer, a connection, a picture, a gateway's return) is not counted on.

Worlds only ever use things up, so there are no circles, and orders are counted without walking
each of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, NamedTuple

from fanlight.errors import CallerError
from fanlight.session import CancelTimer, Negotiation, NegotiationSettings, Reason, SetTimer
from fanlight.session import negotiation as talk
from fanlight.wire import ConnectionId

from .worlds import (
    CANDIDATE,
    MESSAGES,
    Broken,
    Budget,
    Register,
    Viewer,
    World,
    cut,
    doings,
    heard_by_gateway,
    name,
    sent,
    spent,
    stream_ids,
    taken,
    with_viewer,
)

OVER = Reason("idle", "Nobody looked.")
SURE = (talk.GatewayLost, talk.MachineReady, talk.Ended)
"""What the controller notices itself: it may come late, but not be lost or come twice."""

Step = tuple[str, bool, World]
"""What happens, whether it must in the end, and what is then."""


class Moved(NamedTuple):
    """What an event led to. No commands and `refused`: the core does not take it."""

    core: int
    commands: tuple[Any, ...]
    refused: bool


class Cores:
    """The states of a core, numbered, and where each event leads from there."""

    def __init__(self, core_type: type[Negotiation]) -> None:
        self._type = core_type
        self._settings = NegotiationSettings(max_viewers=3, max_candidates=2)
        shared = {"settings", "connections", "answerer"}
        own = [f for f in fields(Negotiation) if f.name not in shared]
        self._names = [f.name for f in own]
        self._kept = {f.name: f.default_factory for f in own if f.default_factory in (dict, list)}
        self._parts = [f.name for f in fields(talk.Connection)]
        self._lists = {f.name for f in fields(talk.Connection) if f.default_factory is list}
        self._states = Register()
        self._moves: dict[tuple[int, int], Moved] = {}

    def new(self, *, gateway_there: bool) -> int:
        """Give a core as a controller makes one."""
        core = self._type("gateway", self._settings, gateway_there=gateway_there)
        return self._states.number(self._freeze(core))

    def core(self, number: int) -> Negotiation:
        """Give a core that is in this state."""
        frozen = self._states.thing(number)
        core = self._type("gateway", self._settings)
        for values in frozen[0]:
            known: dict[str, Any] = {
                part: list(value) if part in self._lists else value
                for part, value in zip(self._parts, values, strict=True)
            }
            core.connections[known["id"]] = talk.Connection(**known)
        for part, value in zip(self._names, frozen[1:], strict=True):
            make = self._kept.get(part)
            setattr(core, part, value if make is None else make(value))
        return core

    def move(self, number: int, event: int) -> Moved:
        """Give what an event leads to. Raises Broken when it leads where it must not."""
        known = self._moves.get((number, event))
        if known is None:
            known = self._moves[number, event] = self._move(number, MESSAGES.thing(event))
        return known

    def _move(self, number: int, event: Any) -> Moved:
        core = self.core(number)
        was_ended = core.ended is not None
        try:
            commands = tuple(core.handle(event))
        except CallerError:
            if self._freeze(core) != self._states.thing(number):
                raise Broken(f"{name(event)} was refused and changed something") from None
            return Moved(number, (), refused=True)
        if was_ended and commands:
            raise Broken(f"said after the session's end: {commands}")
        able: set[ConnectionId | None] = {each.id for each in core.live if not each.watches_only}
        if core.holder not in (able or {None}):
            raise Broken(f"control is held by {core.holder}, who is not there")
        return Moved(self._states.number(self._freeze(core)), commands, refused=False)

    def _freeze(self, core: Negotiation) -> tuple[Any, ...]:
        connections = tuple(
            tuple(
                tuple(getattr(each, part)) if part in self._lists else getattr(each, part)
                for part in self._parts
            )
            for each in core.connections.values()
        )
        return (connections, *(_fixed(getattr(core, part)) for part in self._names))


def _fixed(value: Any) -> Any:
    """The value as one that can be compared and kept."""
    if isinstance(value, dict):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value


class Explorer:
    """Knows what can happen in a world, and what must not."""

    def __init__(self, budget: Budget, core_type: type[Negotiation] = Negotiation) -> None:
        self.budget = budget
        self.cores = Cores(core_type)

    def first(self) -> World:
        """Give the world in which a session has just been asked for."""
        ids = [ConnectionId(letter) for letter in "abc"[: self.budget.viewers]]
        core, ready = self.cores.new(gateway_there=True), MESSAGES.number(talk.MachineReady())
        return World(
            core=self.cores.move(core, ready).core if self.budget.ready else core,
            timers=frozenset(),
            to_core=frozenset(),
            to_gateway=(),
            gateway=(),
            gateway_up=True,
            opening=frozenset(),
            is_ready=bool(self.budget.ready),
            is_ended=False,
            viewers=tuple((id_, Viewer()) for id_ in ids),
            left=self.budget,
        )

    def steps(self, world: World) -> Iterator[Step]:
        """Give everything that can happen next."""
        yield from self._deliveries(world)
        for timer in world.timers:
            rest = world._replace(timers=world.timers - {timer})
            yield f"{name(MESSAGES.thing(timer))} goes off", True, self._tell(rest, timer)
        for id_, viewer in world.viewers:
            yield from self._of_viewer(world, id_, viewer)
        if world.gateway_up:
            if world.to_gateway:
                told, *rest_ = world.to_gateway
                command = MESSAGES.thing(told)
                heard = heard_by_gateway(world._replace(to_gateway=tuple(rest_)), command)
                yield f"the gateway hears {name(command)}", True, heard
            for word, then in doings(world):
                yield word, False, then
        yield from self._of_session(world)
        yield from self._mishaps(world)

    # --- messages to the core --------------------------------------------------------------------

    def _deliveries(self, world: World) -> Iterator[Step]:
        for number, count in world.to_core:
            event = MESSAGES.thing(number)
            rest = taken(world, number, count)
            yield f"{name(event)} arrives", True, self._tell(rest, number)
            if isinstance(event, SURE):
                continue
            if world.left.lost:
                yield f"{name(event)} is lost", False, _lost(spent(rest, "lost"), event)
            if world.left.doubled:
                again = self._tell(spent(world, "doubled"), number)
                yield f"{name(event)} arrives, and will again", False, again

    def _tell(self, world: World, number: int) -> World:
        event = MESSAGES.thing(number)
        moved = self.cores.move(world.core, number)
        if moved.refused:
            return self._refused(world, event)
        if isinstance(event, talk.ViewerCandidateReceived):
            world = with_viewer(world, event.connection, candidate="taken")
        world = world._replace(core=moved.core)
        for command in moved.commands:
            world = _carried_out(world, command)
        return world

    def _refused(self, world: World, event: Any) -> World:
        # An id that was used is no viewer's request: its owner has an answer, or gets one.
        known = self.cores.core(world.core).connections
        asked = isinstance(event, talk.OfferReceived | talk.StreamRequested)
        if asked and event.connection not in known:
            return with_viewer(world, event.connection, replies=1, reasons=1)
        return world

    # --- who acts --------------------------------------------------------------------------------

    def _of_viewer(self, world: World, id_: ConnectionId, viewer: Viewer) -> Iterator[Step]:
        if viewer.phase == "idle":
            offered = with_viewer(world, id_, phase="offered")
            first = world.viewers[0][0]
            replaced = first if self.budget.replaces and id_ != first else None
            offer: talk.Event = talk.StreamRequested(id_, ("vp8",), replaced)
            if id_ not in stream_ids(world):
                offer = talk.OfferReceived(id_, "v=0", replaced, self._watches(world, id_))
            yield f"{id_} offers", False, sent(offered, offer)
            return
        if viewer.phase not in ("offered", "answered"):
            return
        has_candidates = self.budget.candidates and id_ not in stream_ids(world)
        if viewer.candidate == "none" and has_candidates:
            found = with_viewer(world, id_, candidate="sent")
            event = talk.ViewerCandidateReceived(id_, CANDIDATE)
            yield f"{id_} has a candidate", False, sent(found, event)
        if world.left.leaves:
            gone = spent(with_viewer(world, id_, phase="left"), "leaves")
            yield f"{id_} leaves", False, sent(gone, talk.ConnectionClosed(id_))

    def _watches(self, world: World, id_: ConnectionId) -> bool:
        return id_ in [each for each, _ in world.viewers][: self.budget.watchers]

    def _of_session(self, world: World) -> Iterator[Step]:
        if not world.is_ready and not world.is_ended:
            ready = sent(world._replace(is_ready=True), talk.MachineReady())
            yield "the machine is ready", False, ready
        if not world.is_ended and (self.budget.ends or not world.is_ready):
            # A machine that never gets ready ends its session: its boot has a timer.
            over = sent(world._replace(is_ended=True), talk.Ended(OVER))
            closing = MESSAGES.number("CloseSession")
            over = over._replace(to_gateway=(*over.to_gateway, closing))
            yield "the session ends", not world.is_ready, over

    def _mishaps(self, world: World) -> Iterator[Step]:
        lost = MESSAGES.number(talk.GatewayLost()) in {number for number, _ in world.to_core}
        if world.gateway_up and world.left.crashes and not lost:
            down = spent(world, "crashes")._replace(gateway_up=False, to_gateway=())
            down = sent(down, talk.GatewayLost())
            yield "the gateway crashes", False, cut(down)._replace(gateway=())
            yield "the link to the gateway breaks", False, down
        if not world.gateway_up and not lost:
            yield "the gateway is back", False, self._back(world)
        if world.left.restarts and not world.is_ended:
            fewer = spent(world, "restarts")
            yield "a new controller comes", False, self._restarted(fewer)
            if world.to_gateway:
                unsaid = fewer._replace(to_gateway=())
                yield "a new controller comes, words are lost", False, self._restarted(unsaid)

    def _back(self, world: World) -> World:
        """The link is there again: what nobody knows is closed, waiting offers are asked."""
        live = {each.id for each in self.cores.core(world.core).live}
        closing = [talk.CloseAtGateway(id_) for id_, _ in world.gateway if id_ not in live]
        up = world._replace(gateway_up=True, to_gateway=tuple(map(MESSAGES.number, closing)))
        return self._tell(up, MESSAGES.number(talk.GatewayBack()))

    def _restarted(self, world: World) -> World:
        """A new core goes on with what the gateway has; who waited for the old one gives up."""
        for id_, viewer in world.viewers:
            if viewer.phase == "offered" or viewer.reasons:
                phase = "left" if viewer.reasons else "unreached"
                world = with_viewer(world, id_, phase=phase, replies=0, reasons=0)
        core, streams = self.cores.new(gateway_there=world.gateway_up), stream_ids(world)
        for id_ in streams:  # carried by the controller that went
            if dict(world.viewers)[id_].phase == "answered":
                world = with_viewer(world, id_, phase="unreached")
        rest = tuple(each for each in world.gateway if each[0] not in streams)
        world = world._replace(gateway=rest, opening=frozenset())
        world = world._replace(core=core, timers=frozenset(), to_core=frozenset())
        there = sorted(world.gateway, key=lambda each: not each[1].controls)
        held = [id_ for id_, _ in there] if world.gateway_up else []
        for id_ in held:
            adopted = talk.ConnectionAdopted(id_, self._watches(world, id_))
            world = self._tell(world, MESSAGES.number(adopted))
        holder = self.cores.core(world.core).holder
        held.sort(key=lambda id_: id_ == holder)
        said = [talk.SetControlAtGateway(id_, id_ == holder) for id_ in held]
        world = world._replace(to_gateway=(*world.to_gateway, *map(MESSAGES.number, said)))
        ready = MESSAGES.number(talk.MachineReady())
        return self._tell(world, ready) if world.is_ready else world

    # --- what must not be ------------------------------------------------------------------------

    def check_rest(self, world: World) -> None:
        """Nothing more must happen here: does anybody wait?"""
        core = self.cores.core(world.core)
        held = dict(world.gateway)
        nothing_lost = world.left.lost == self.budget.lost
        for id_, viewer in world.viewers:
            if viewer.phase in ("idle", "left", "unreached") or viewer.reasons:
                continue
            known = core.connections.get(id_)
            if known is None and id_ not in held and world.left.restarts < self.budget.restarts:
                continue  # its own end of the connection says that it is over
            if known is None or known.state is not talk.State.SHOWING:
                raise Broken(f"{id_} waits, {known and known.state}, for nothing that must happen")
            if nothing_lost and id_ not in held:
                raise Broken(f"{id_} is shown a picture that nobody sends")
            if viewer.candidate == "taken":
                raise Broken(f"a candidate of {id_} never reached the gateway")
        for id_, here in world.gateway:
            if id_ in {each.id for each in core.live} and here.controls != (core.holder == id_):
                raise Broken(f"the gateway and the core differ on whether {id_} controls")


def _lost(world: World, event: Any) -> World:
    if isinstance(
        event, talk.OfferReceived | talk.StreamRequested
    ):  # its viewer hears nothing, and says so itself
        return with_viewer(world, event.connection, phase="unreached")
    return world


def _carried_out(world: World, command: Any) -> World:
    match command:
        case SetTimer(_, event):
            return world._replace(timers=world.timers | {MESSAGES.number(event)})
        case CancelTimer(event):
            return world._replace(timers=world.timers - {MESSAGES.number(event)})
        case talk.CountViewers():
            return world
        case _:
            pass
    viewer = dict(world.viewers)[command.connection]
    if viewer.reasons and not isinstance(command, talk.CloseAtGateway):
        raise Broken(f"{name(command)} after the end of {command.connection}")
    match command:
        case talk.DeliverAnswer(id_) | talk.DeliverRefusal(id_):
            if viewer.replies:
                raise Broken(f"{id_} was answered twice")
            yes = isinstance(command, talk.DeliverAnswer) and viewer.phase == "offered"
            phase = "answered" if yes else viewer.phase
            return with_viewer(world, id_, replies=1, phase=phase)
        case talk.NameReason(id_):
            return with_viewer(world, id_, reasons=1)
        case talk.OpenStreamAtGateway(id_, _, controls):
            if not world.gateway_up:
                return sent(world, talk.ConnectionClosed(id_))
            return world._replace(opening=world.opening | {(id_, controls)})
        case talk.PassCandidateToGateway(id_):
            world = with_viewer(world, id_, candidate="passed")
        case _:
            pass
    # What is said while nobody is there to hear it is lost.
    said = (*world.to_gateway, MESSAGES.number(command))
    return world._replace(to_gateway=said) if world.gateway_up else world
