"""One world of the exploration: viewers, the gateway, messages under way; and what changes it.

There are very many worlds, so that everything in one is small and quickly compared: messages and
the core's states stand in it as numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from fanlight.session import negotiation as talk
from fanlight.wire import ConnectionId

CANDIDATE = talk.Candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host", "0", 0)


class Broken(AssertionError):
    """A world that must not be. `path`: how it came about."""

    def __init__(self, what: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(what + "".join(f"\n  {step}" for step in path))
        self.what, self.path = what, path


class Budget(NamedTuple):
    """Who is there, and how often what may go wrong."""

    viewers: int = 1
    lost: int = 0
    """Messages to the core, from viewers or the gateway."""
    doubled: int = 0
    silences: int = 0
    """A connected viewer is not heard for a while."""
    crashes: int = 0
    """Of the gateway, or of the link to it."""
    restarts: int = 0
    """Of the controller."""
    leaves: int = 1
    """Viewers that leave."""
    ends: int = 1
    """Whether the session may end by itself."""
    candidates: int = 1
    """Of each viewer."""
    ready: int = 0
    """Whether the machine is ready before anybody looks."""
    watchers: int = 0
    """How many of them, the first ones, have no data channel."""
    streams: int = 0
    """How many of them, the last ones, want a stream over a WebSocket."""
    replaces: int = 0
    """Whether the second connection is the first viewer's, which changes its path."""


class Viewer(NamedTuple):
    """What one viewer did and was told. `candidate`: what has come of it."""

    phase: str = "idle"
    replies: int = 0
    reasons: int = 0
    candidate: str = "none"


class AtGateway(NamedTuple):
    """One connection at the gateway."""

    phase: str
    controls: bool
    silent: bool = False
    fresh: bool = False
    """A stream, until it was told who controls: its opening may have been overtaken by that."""


class Register:
    """Gives things numbers: equal things the same."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._things: list[Any] = []

    def number(self, thing: Any) -> int:
        """Give the number of a thing, a new one for a new thing."""
        known = self._numbers.get(thing)
        if known is None:
            known = self._numbers[thing] = len(self._things)
            self._things.append(thing)
        return known

    def thing(self, number: int) -> Any:
        """Give the thing of a number."""
        return self._things[number]


MESSAGES = Register()
"""Events and commands of every exploration: they are values, and the same each time."""


class World(NamedTuple):
    """Everything, at one moment. Equal worlds are one."""

    core: int
    timers: frozenset[int]
    to_core: frozenset[tuple[int, int]]
    """Messages under way to the core, each with how many of it."""
    to_gateway: tuple[int, ...]
    gateway: tuple[tuple[ConnectionId, AtGateway], ...]
    gateway_up: bool
    opening: frozenset[tuple[ConnectionId, bool]]
    """Streams that are being opened, each on a socket of its own, and whether they control."""
    is_ready: bool
    is_ended: bool
    viewers: tuple[tuple[ConnectionId, Viewer], ...]
    left: Budget


def sent(world: World, event: Any) -> World:
    """One more message is under way to the core."""
    number = MESSAGES.number(event)
    under_way = dict(world.to_core)
    under_way[number] = under_way.get(number, 0) + 1
    return world._replace(to_core=frozenset(under_way.items()))


def taken(world: World, number: int, count: int) -> World:
    """One message is not under way any more."""
    rest = world.to_core - {(number, count)}
    return world._replace(to_core=rest | {(number, count - 1)} if count > 1 else rest)


def spent(world: World, what: str) -> World:
    """One mishap less is left."""
    return world._replace(left=world.left._replace(**{what: getattr(world.left, what) - 1}))


def with_viewer(world: World, id_: ConnectionId, **changes: Any) -> World:
    """The same, with one viewer changed."""
    viewers = tuple(
        (each, viewer._replace(**changes) if each == id_ else viewer)
        for each, viewer in world.viewers
    )
    return world._replace(viewers=viewers)


def with_connection(world: World, id_: ConnectionId, here: AtGateway | None) -> World:
    """The same, with one connection of the gateway's changed, or gone."""
    others = tuple(each for each in world.gateway if each[0] != id_)
    now = others if here is None else tuple(sorted((*others, (id_, here))))
    # One that is not connected can say nothing, whatever it may.
    able = [each for _, each in now if each.phase in ("connected", "shown") and not each.fresh]
    if sum(each.controls for each in able) > 1:
        raise Broken("two viewers control")
    return world._replace(gateway=now)


def heard_by_gateway(world: World, command: Any) -> World:
    """The gateway takes the next thing it was told."""
    known = dict(world.gateway)
    match command:
        case talk.AskGateway(id_, _, controls):
            return with_connection(world, id_, AtGateway("opened", controls))
        case talk.SetControlAtGateway(id_, controls) if id_ in known:
            told = known[id_]._replace(controls=controls, fresh=False)
            return with_connection(world, id_, told)
        case talk.CloseAtGateway(id_) if id_ in known:
            closed = with_connection(world, id_, None)
            is_said = known[id_].phase != "opened"
            return sent(closed, talk.ConnectionClosed(id_)) if is_said else closed
        case "CloseSession":
            return world._replace(gateway=())
        case _:
            return world


def doings(world: World) -> Iterator[tuple[str, World]]:
    """What the gateway may do by itself. Nothing of it must ever happen."""
    for id_, controls in world.opening:
        rest = world._replace(opening=world.opening - {(id_, controls)})
        yield f"the stream of {id_} cannot be opened", sent(rest, talk.ConnectionClosed(id_))
        opened = with_connection(rest, id_, AtGateway("connected", controls, fresh=True))
        told = with_viewer(opened, id_, phase=_answered(opened, id_))
        yield f"the stream of {id_} is opened", sent(told, talk.Connected(id_))
    phases = {id_: viewer.phase for id_, viewer in world.viewers}
    for id_, here in world.gateway:
        for what, event, then in _doings(id_, here, phases[id_], world):
            now = spent(world, "silences") if what == "misses" else world
            yield f"the gateway {what} {id_}", sent(with_connection(now, id_, then), event)


def _answered(world: World, id_: ConnectionId) -> str:
    phase = dict(world.viewers)[id_].phase
    return "answered" if phase == "offered" else phase


def cut(world: World) -> World:
    """Streams break with whoever held one end; who carried them says so."""
    broken = {id_ for id_, _ in world.opening} | {id_ for id_, _ in world.gateway}
    for id_ in sorted(broken & set(stream_ids(world))):
        world = sent(world, talk.ConnectionClosed(id_))
    return world._replace(opening=frozenset())


def stream_ids(world: World) -> list[ConnectionId]:
    """The connections that are streams."""
    ids = [id_ for id_, _ in world.viewers]
    return ids[len(ids) - world.left.streams :]


def _doings(
    id_: ConnectionId, here: AtGateway, viewer: str, world: World
) -> Iterator[tuple[str, Any, AtGateway | None]]:
    if here.phase == "opened":
        yield "answers", talk.AnswerMade(id_, "v=0"), here._replace(phase="answered")
        yield "refuses", talk.OfferRefused(id_, "offer-rejected", "No video."), None
        return
    if here.phase == "answered" and viewer == "answered":
        yield "connects", talk.Connected(id_), here._replace(phase="connected")
    if here.phase == "connected" and world.is_ready:
        yield "shows", talk.PictureShown(id_), here._replace(phase="shown")
    if here.phase in ("connected", "shown") and world.left.silences and not here.silent:
        yield "misses", talk.Disconnected(id_), here._replace(silent=True)
    if here.silent:
        yield "hears again", talk.Connected(id_), here._replace(silent=False)
    yield "gives up", talk.ConnectionFailed(id_), None


def name(thing: Any) -> str:
    """Give a message in a word or two."""
    id_ = getattr(thing, "connection", "")
    return f"{thing if isinstance(thing, str) else type(thing).__name__}{id_ and f'({id_})'}"
