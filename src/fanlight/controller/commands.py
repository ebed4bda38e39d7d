"""What the cores command, done."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from fanlight import log, wire
from fanlight.machines import MachineSpec
from fanlight.session import CancelTimer, SetTimer, lifecycle, login, negotiation

from . import metrics
from .reasons import error_for, inert

if TYPE_CHECKING:
    from .driver import Driver

_log = log.get("controller")


def do_life(driver: Driver, command: lifecycle.Command) -> None:
    """Carry out a command of the lifecycle's."""
    match command:
        case lifecycle.Publish(view):
            driver.life_changed(view)
        case lifecycle.OpenGatewaySession():
            driver.around.gateway.say(wire.OpenSession(driver.id, driver.around.settings.codec))
        case lifecycle.CloseGatewaySession():
            driver.around.gateway.say(wire.CloseSession(driver.id))
        case lifecycle.StartMachine():
            driver.machine.start(_spec(driver))
        case lifecycle.SuspendMachine():
            driver.machine.suspend(_spec(driver))
        case lifecycle.ResumeMachine():
            driver.machine.resume(_spec(driver))
        case lifecycle.DestroyMachine():
            driver.guest.close()
            if driver.machine.is_gone:
                driver.soon(driver.life, lifecycle.MachineDestroyed())
            else:
                driver.machine.destroy()
        case lifecycle.PrepareTool():
            driver.tool.prepare(driver.record.tool or "")
        case lifecycle.LeaveTool():
            driver.tool.leave()
        case lifecycle.AnnounceEnd(why):
            _announce_end(driver, why)
        case lifecycle.StartLogin():
            driver.soon(driver.sign, login.Begin())
        case SetTimer():
            driver.set_timer(driver.life, command)
        case CancelTimer(event):
            driver.timers.cancel(event)


def _spec(driver: Driver) -> MachineSpec:
    """Give what the session's machine is to be: the same whenever it is asked for."""
    settings = driver.around.settings
    return settings.machine_spec(
        driver.ref,
        driver.id,
        restricted=driver.record.tool is not None,
        policy=driver.shown.network.enforce(settings.policy),
    )


def _announce_end(driver: Driver, why: lifecycle.Ending) -> None:
    """Tell people that the session ends soon; this is none of the notices that are few."""
    text = "Nobody looks at this session" if why == "idle" else "The time of this session is over"
    told = {"code": "ending-soon", "text": f"{text}: it ends soon.", "why": why}
    _log.info("session ends soon", session=driver.id, why=why)
    driver.publish("notice", {**told, "endsAt": driver.view.ends_at})


def do_talk(driver: Driver, command: negotiation.Command) -> None:
    """Carry out a command of the negotiation's."""
    match command:
        case negotiation.AskGateway(connection, sdp, controls):
            driver.around.gateway.say(wire.OpenConnection(driver.id, connection, sdp, controls))
        case negotiation.PassCandidateToGateway(connection, given):
            driver.around.gateway.say(
                wire.ViewerCandidate(
                    driver.id,
                    connection,
                    given.candidate,
                    given.sdp_mid,
                    given.sdp_m_line_index,
                )
            )
        case negotiation.SetControlAtGateway(connection, controls):
            driver.around.gateway.say(wire.SetControl(driver.id, connection, controls))
        case negotiation.CloseAtGateway(connection):
            driver.around.gateway.say(wire.CloseConnection(driver.id, connection))
        case negotiation.CountViewers(count):
            driver.viewers.set_by_gateway(count)
        case negotiation.NameReason(connection, code, text):
            if code != "closed" and not driver.is_end_told:
                driver.sight.failed(connection, code)
                driver.notice(code, text, connection=connection)
            driver.sight.gone(connection)
        case SetTimer():
            driver.set_timer(driver.talk, command)
        case CancelTimer(event):
            driver.timers.cancel(event)
        case _:
            _deliver(driver, command)


def _deliver(driver: Driver, command: negotiation.Command) -> None:
    """Put what somebody fetches where it is fetched."""
    connection = getattr(command, "connection", None)
    box = driver.signalling.boxes.get(connection) if connection else None
    if box is None:
        return
    match command:
        case negotiation.OfferToMachine(_, sdp):
            box.offer = sdp
        case negotiation.OpenStreamAtGateway(stream, codecs, controls):
            box.stream = wire.OpenStream(driver.id, stream, codecs, controls)
        case negotiation.DeliverAnswer(_, sdp):
            box.answer = sdp
            took_s = driver.around.clock() - box.offered_at
            metrics.OFFER_TO_ANSWER.observe(max(0.0, took_s))
            driver.sight.answered(command.connection)
        case negotiation.DeliverRefusal(_, code, detail):
            box.refusal = error_for(code, inert(detail, 300))
        case negotiation.PassCandidateToMachine(_, given):
            driver.signalling.put(box.for_machine, given)
        case negotiation.PassCandidateToViewer(_, given):
            driver.signalling.put(box.for_viewer, given)
        case _:
            return
    driver.signalling.changed()


def do_sign(driver: Driver, command: login.Command) -> None:
    """Carry out a command of the login's."""
    match command:
        case login.Publish(view):
            driver.login_changed(view)
        case login.SendStartLogin():
            driver.send_start_login()
        case login.SendRelease():
            driver.guest.tell(wire.ReleaseCredential())
        case login.SendReject():
            driver.guest.tell(wire.RejectLogin())
        case login.StoreBundle(bundle):
            driver.outbox.store_bundle(
                driver.id,
                base64.b64decode(bundle),
                then=driver.sealed,
                failed=driver.not_stored,
            )
        case login.HandOverBundle():
            pass  # whoever asks reads it from the store
        case login.DropBundle():
            driver.outbox.drop_bundle(driver.id)
        case login.EndSession(reason):
            driver.soon(driver.life, lifecycle.LoginFinished(reason))
        case SetTimer():
            driver.set_timer(driver.sign, command)
        case CancelTimer(event):
            driver.timers.cancel(event)
