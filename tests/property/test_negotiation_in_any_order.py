"""Any order, loss, doubling or lateness: a viewer ends with a picture or with a named reason."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fanlight.errors import CallerError
from fanlight.session import Negotiation, NegotiationSettings, Reason
from fanlight.session import negotiation as talk
from fanlight.session.rules import ignored, table
from fanlight.testing.playbook import Playbook
from fanlight.wire import ConnectionId

IDS = [ConnectionId(name) for name in "abcd"]
CANDIDATE = talk.Candidate("candidate:1 1 udp 1 192.0.2.1 9 typ host", "0", 0)
OVER = Reason("idle", "Nobody looked.")
SELDOM = st.integers(0, 9).map(lambda number: number == 7)
"""Without it most runs would end before they began."""

any_connection = st.sampled_from(IDS)

FINDING = settings(
    max_examples=1000,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
)
"""For planted faults: it is enough to find them."""


class Talk(RuleBasedStateMachine):
    core_type: ClassVar[type[Negotiation]] = Negotiation

    @initialize(answerer=st.sampled_from(["gateway", "machine"]))
    def begin(self, answerer: talk.Answerer) -> None:
        limits = NegotiationSettings(max_viewers=3, max_candidates=2, max_closed=2)
        self.core = self.core_type(answerer, limits)
        self.play: Playbook[talk.Event] = Playbook(self.core)
        self.offered: set[ConnectionId] = set()
        self.asked: list[ConnectionId] = []
        self.at_gateway: dict[ConnectionId, bool] = {}
        self.said_before: list[talk.Event] = []

    def say(self, event: talk.Event) -> None:
        was_over = self.core.ended is not None
        leaves = self.leaves_the_gateway(event)
        try:
            commands = self.play(event)
        except CallerError:
            return
        assert not (was_over and commands), f"commanded after the end: {commands}"
        self.said_before.append(event)
        if leaves is not None:
            self.at_gateway.pop(leaves, None)
        self.carry_out(commands)

    def leaves_the_gateway(self, event: talk.Event) -> ConnectionId | None:
        match event:
            case talk.ConnectionFailed(connection) | talk.ConnectionClosed(connection):
                return connection
            case talk.OfferRefused(connection):
                known = self.core.connections.get(connection)
                return connection if known and known.state is talk.State.ASKED else None
            case _:
                return None

    def carry_out(self, commands: list[Any]) -> None:
        for command in commands:
            match command:
                case talk.AskGateway(connection, _, controls):
                    self.asked.append(connection)
                    self.at_gateway[connection] = controls
                case talk.OpenStreamAtGateway(connection, codecs, controls):
                    assert codecs
                    self.asked.append(connection)
                    self.at_gateway[connection] = controls
                case talk.OfferToMachine(connection):
                    self.asked.append(connection)
                case talk.SetControlAtGateway(connection, controls):
                    assert connection in self.at_gateway, "the gateway knows no such connection"
                    self.at_gateway[connection] = controls
                case talk.CloseAtGateway(connection):
                    self.at_gateway.pop(connection, None)
                case _:
                    pass

    @rule(connection=any_connection, replaces=st.none() | any_connection, watches=SELDOM)
    def offers(
        self, connection: ConnectionId, replaces: ConnectionId | None, watches: bool
    ) -> None:
        self.say(talk.OfferReceived(connection, "v=0", replaces, watches))
        if connection in self.core.connections:
            self.offered.add(connection)

    @rule(connection=any_connection)
    def wants_a_stream(self, connection: ConnectionId) -> None:
        self.say(talk.StreamRequested(connection, ("vp8",)))
        if connection in self.core.connections:
            self.offered.add(connection)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), fine=st.booleans())
    def answers(self, data: st.DataObject, fine: bool) -> None:
        connection = data.draw(st.sampled_from(self.asked))
        yes = talk.AnswerMade(connection, "v=0")
        self.say(yes if fine else talk.OfferRefused(connection, "offer-rejected", "No video."))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def goes_on(self, data: st.DataObject) -> None:
        connection = data.draw(st.sampled_from(self.asked))
        kinds: tuple[type[Any], ...] = (
            talk.Connected, talk.Disconnected, talk.PictureShown, talk.ConnectionFailed,
            talk.ConnectionClosed, talk.ControlWanted,
        )  # fmt: skip
        self.say(data.draw(st.sampled_from(kinds))(connection))

    @rule(connection=any_connection, viewer=st.booleans())
    def finds_a_candidate(self, connection: ConnectionId, viewer: bool) -> None:
        kind = talk.ViewerCandidateReceived if viewer else talk.MachineCandidateReceived
        self.say(kind(connection, CANDIDATE))

    @rule(connection=any_connection)
    def is_late(self, connection: ConnectionId) -> None:
        self.say(talk.AnswerMade(connection, "v=0 late"))

    @rule()
    def machine_is_ready(self) -> None:
        self.say(talk.MachineReady())

    @rule(seldom=SELDOM)
    def gateway_goes_or_comes(self, seldom: bool) -> None:
        if seldom:
            self.at_gateway.clear()
        self.say(talk.GatewayLost() if seldom else talk.GatewayBack())

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def goes_well(self, data: st.DataObject) -> None:
        connection = data.draw(st.sampled_from(self.asked))
        known = self.core.connections.get(connection)
        match known.state if known else None:
            case talk.State.ASKED:
                is_stream = known is not None and known.codecs
                reply = talk.Connected(connection) if is_stream else None
                self.say(reply or talk.AnswerMade(connection, "v=0"))
            case talk.State.ANSWERED:
                self.say(talk.Connected(connection))
            case talk.State.CONNECTED:
                self.say(talk.PictureShown(connection))
            case _:
                pass

    @precondition(lambda self: self.said_before)
    @rule(data=st.data())
    def comes_again(self, data: st.DataObject) -> None:
        event = data.draw(st.sampled_from(self.said_before))
        if not isinstance(event, talk.GatewayLost | talk.Ended):
            self.say(event)

    @rule(seconds=st.sampled_from([1, 6, 25]))
    def time_passes(self, seconds: int) -> None:
        self.carry_out(self.play.wait(seconds))

    @rule(seldom=SELDOM)
    def ends(self, seldom: bool) -> None:
        if seldom:
            self.say(talk.Ended(OVER))

    @invariant()
    def one_viewer_controls(self) -> None:
        if self.core.answerer == "gateway" and self.at_gateway and self.core.gateway_there:
            assert sum(self.at_gateway.values()) <= 1
        able: set[ConnectionId | None] = {
            each.id for each in self.core.live if not each.watches_only
        }
        assert self.core.holder in (able or {None})
        if self.core.holder is not None:
            holder = self.core.connections[self.core.holder]
            assert holder.viewer not in self.core.owed, "it has what it is owed"

    @invariant()
    def an_offer_is_answered_or_refused_once(self) -> None:
        for connection in self.offered:
            replies = [
                each
                for each in self.play.commands
                if isinstance(each, talk.DeliverAnswer | talk.DeliverRefusal)
                and each.connection == connection
            ]
            reasons = [
                each for each in self.play.said(talk.NameReason) if each.connection == connection
            ]
            lives = self.core.connections
            offers = sum(
                isinstance(each, talk.OfferReceived | talk.StreamRequested)
                and each.connection == connection
                for each in self.said_before
            )
            assert len(replies) <= offers
            assert len(reasons) == offers - (
                connection in lives and lives[connection].state in talk.LIVE
            )

    def teardown(self) -> None:
        if not hasattr(self, "core"):
            return
        self.say(talk.MachineReady())
        if not self.core.gateway_there:
            self.carry_out(self.play.wait(100))
        self.carry_out(self.play.wait(100))
        done = {talk.State.SHOWING, talk.State.CLOSED}
        if self.core.answerer == "machine":
            # The rest is between viewer and machine.
            done |= {talk.State.ANSWERED, talk.State.CONNECTED}
        for each in self.core.connections.values():
            assert each.state in done, f"{each.id} hangs, {each.state}"
        self.say(talk.Ended(OVER))
        assert not self.core.live
        assert not self.play.timers


TestTalk = Talk.TestCase


class WaitsForEver(Negotiation):
    """A planted fault: an answer that does not come is waited for."""

    rules = Negotiation.rules | table(ignored(talk.State.ASKED, talk.AnswerTimedOut))


class LeavesControlBehind(Negotiation):
    """A planted fault: the viewer that left keeps control."""

    def _leave(self, connection: talk.Connection) -> list[talk.Command]:
        return []


@pytest.mark.parametrize("fault", [WaitsForEver, LeavesControlBehind])
def test_the_property_finds_a_core_with(fault: type[Negotiation]) -> None:
    class Faulty(Talk):
        core_type = fault

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Faulty, settings=FINDING)
