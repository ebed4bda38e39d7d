"""One webrtcbin: the gateway's end of one viewer's WebRTC connection.

Threading: GStreamer calls back from threads of its own. Methods named `_from_...` run there and
may only read what never changes, use the input gate, and `post`; everything else, and every call
to the listener, runs on the main loop's thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from fanlight import wire

from .caps import stream_caps
from .estimator import Arrival
from .fingerprint import has_fingerprint
from .gates import Gates
from .gst import GLib, Gst, GstSdp, GstWebRTC, post
from .input import Said
from .networks import Address, Candidate, parse_candidate
from .offer import Offer
from .rtp import Stream

CHANNEL = "input"
MAX_CHANNELS = 8


class PeerFailed(Exception):
    """GStreamer could not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where peers stand: addresses to gather candidates on, and UDP ports to use."""

    gathered: tuple[Address, ...]
    udp_ports: tuple[int, int] | None = None


class Listener(Protocol):
    """What a peer tells, on the main loop's thread."""

    def peer_answered(self, sdp: str) -> None:
        """The local description is set; candidates follow."""

    def peer_found(self, candidate: Candidate) -> None:
        """A local candidate."""

    def peer_gathered(self) -> None:
        """There are no more local candidates."""

    def peer_changed(self, state: str) -> None:
        """The W3C's connection state."""

    def peer_wants_key_frame(self) -> None:
        """The viewer sent PLI or FIR."""

    def peer_told_arrivals(self, arrivals: list[Arrival]) -> None:
        """The viewer said when packets arrived."""

    def peer_said(self, message: Said) -> None:
        """Input that passed the gate."""

    def peer_channel_opened(self) -> None:
        """The data channel `input` can be written to."""

    def peer_failed(self, detail: str) -> None:
        """Nothing more can come of it."""


class Peer:
    """A pipeline of `appsrc ! webrtcbin` that answers one offer."""

    def __init__(
        self, offer: Offer, stream: Stream, *, ground: Ground, gates: Gates, listener: Listener
    ) -> None:
        self._offer, self._listener, self._gates = offer, listener, gates
        self._handlers: list[tuple[Any, int]] = []
        self._channel: Any = None
        self._channels = 0
        self._is_asked = False
        self._heard_at: float | None = None
        self._first_sent_at: float | None = None
        self._probes: list[tuple[Any, int]] = []
        self._pipeline: Any = Gst.Pipeline.new(None)
        self._source: Any = _make("appsrc")
        self._web: Any = _make("webrtcbin")
        self._pipeline.add(self._source)
        self._pipeline.add(self._web)
        self._set_up(stream, ground)

    # --- setting up; the order is the one in which webrtcbin 1.22 takes it ---------------------

    def _set_up(self, stream: Stream, ground: Ground) -> None:
        source, web = self._source, self._web
        source.set_property("is-live", True)
        source.set_property("format", Gst.Format.TIME)
        source.set_property("max-bytes", 0)
        web.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        web.set_property("latency", 0)
        self._set_up_ice(ground)
        caps = stream_caps(self._offer, stream)
        pad = web.request_pad_simple("sink_%u")
        if pad is None:
            raise PeerFailed("webrtcbin gives no pad")
        self._pad: Any = pad
        transceiver = pad.get_property("transceiver")
        direction = GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY
        transceiver.set_property("direction", direction)
        transceiver.set_property("do-nack", self._offer.format.rtx_payload_type is not None)
        transceiver.set_property("codec-preferences", Gst.Caps.from_string(caps))
        # Without an explicit SSRC the answer groups retransmissions with SSRC 0, and Chromium
        # decodes the picture but never shows it.
        source.set_property("caps", Gst.Caps.from_string(f"{caps},ssrc=(uint){stream.ssrc}"))
        out = source.get_static_pad("src")
        probe = out.add_probe(Gst.PadProbeType.EVENT_UPSTREAM, self._from_pad)
        self._probes.append((out, probe))
        if out.link(pad) != Gst.PadLinkReturn.OK:
            raise PeerFailed("the stream cannot be linked")
        self._connect(web, "on-ice-candidate", self._from_ice)
        self._connect(web, "notify::ice-gathering-state", self._from_gathering)
        self._connect(web, "notify::connection-state", self._from_state)
        self._connect(web, "on-data-channel", self._from_channel)
        bus = self._pipeline.get_bus()
        bus.add_signal_watch()
        self._connect(bus, "message::error", self._from_bus)

    def _set_up_ice(self, ground: Ground) -> None:
        ice = self._web.get_property("ice-agent")
        # webrtcbin 1.22 hands its agent out as a floating reference, which Python then takes for
        # its own and drops: give back the one it took.
        ice._ref()
        ice.set_property("ice-tcp", False)
        agent = ice.get_property("agent")
        agent.set_property("upnp", False)
        # Keep-alives that are answered (as RFC 7675 consents): how a killed viewer is noticed.
        agent.set_property("keepalive-conncheck", True)
        if ground.udp_ports is not None:
            ice.set_property("min-rtp-port", ground.udp_ports[0])
            ice.set_property("max-rtp-port", ground.udp_ports[1])
        for address in ground.gathered:
            ice.emit("add-local-ip-address", str(address))

    def _connect(self, thing: Any, signal: str, call: Callable[..., Any]) -> None:
        self._handlers.append((thing, thing.connect(signal, call)))

    # --- what the owner asks ------------------------------------------------------------------

    def answer(self) -> None:
        """Begin to answer: `peer_answered` or `peer_failed` follows.

        Raises:
            PeerFailed: GStreamer does not take the offer.
        """
        if self._pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE:
            raise PeerFailed("the pipeline does not start")
        # Without caps on its pad webrtcbin asks upstream what may come, and the answer groups the
        # retransmissions with SSRC 0 (12 of 600 H.264 answers). Chromium then decodes the picture
        # as a stream of nobody's and never shows it. The caps come from the source's own thread.
        if self._pad.get_current_caps() is None:
            self._connect(self._pad, "notify::caps", self._from_caps)
        if self._pad.get_current_caps() is not None:
            self._set_remote()

    def _from_caps(self, pad: Any, _property: Any) -> None:
        if pad.get_current_caps() is not None:
            post(self._set_remote)

    def _set_remote(self) -> None:
        if self._is_asked or self._web is None:
            return
        self._is_asked = True
        result, message = GstSdp.SDPMessage.new_from_text(self._offer.canonical())
        if result != GstSdp.SDPResult.OK:
            self._listener.peer_failed("it cannot read the offer")
            return
        kind = GstWebRTC.WebRTCSDPType.OFFER
        description = GstWebRTC.WebRTCSessionDescription.new(kind, message)
        promise = Gst.Promise.new_with_change_func(self._from_remote_set)
        self._web.emit("set-remote-description", description, promise)

    def add_candidate(self, candidate: Candidate) -> None:
        """Check this candidate of the viewer's. It must have been judged before."""
        self._web.emit("add-ice-candidate", 0, candidate.line())

    def send_packets(self, packets: list[bytes]) -> int:
        """Queue RTP packets; gives their bytes."""
        if self._first_sent_at is None:
            self._first_sent_at = time.monotonic()
        time_ns = self._source.get_current_running_time()
        for packet in packets:
            # One by one: with lists the process crashed once, GStreamer asking a list that had
            # been emptied on its way for its first buffer.
            buffer = Gst.Buffer.new_wrapped(packet)
            buffer.pts = time_ns
            self._source.push_buffer(buffer)
        return sum(map(len, packets))

    @property
    def queued_bytes(self) -> int:
        """What is queued and not yet sent, in bytes."""
        return int(self._source.get_property("current-level-bytes"))

    def say(self, message: wire.Message) -> None:
        """Send a message over the data channel, if there is one and it is open."""
        if self._channel is None:
            return
        if self._channel.get_property("buffered-amount") < 1 << 20:
            self._channel.emit("send-string", wire.encode(message).decode().rstrip("\n"))

    def is_who_it_said(self) -> bool | None:
        """Whether the certificate seen in DTLS has the offer's fingerprint; None: none seen yet.

        webrtcbin 1.22 does not compare them itself (RFC 8122 section 6 wants it).
        """
        pems = (dtls.get_property("peer-pem") for dtls in _parts(self._web, "dtlsdec"))
        seen = [pem for pem in pems if pem]
        return all(has_fingerprint(pem, self._offer.fingerprint) for pem in seen) if seen else None

    def begin_to_hear(self) -> None:
        """Note from now on when the viewer was heard: reports and data, not its ICE checks."""
        kind = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST
        for ice in _parts(self._web, "nicesrc"):
            pad = ice.get_static_pad("src")
            self._probes.append((pad, pad.add_probe(kind, self._from_viewer)))
        limits = self._gates.limits
        for element in _parts(self._web, "rtprtxsend"):
            element.set_property("max-size-time", round(limits.retransmission_s * 1000))
            element.set_property("max-size-packets", limits.retransmission_packets)
            pad = element.get_static_pad("src")
            probe = pad.add_probe(Gst.PadProbeType.EVENT_UPSTREAM, self._from_retransmissions)
            self._probes.append((pad, probe))

    @property
    def silent_s(self) -> float:
        """For how long the viewer was not heard, in seconds.

        Before the first picture it is 0: until then some players have nothing to report.
        """
        since = self._heard_at or self._first_sent_at
        return 0.0 if since is None else time.monotonic() - since

    def request_stats(self, take: Callable[[Any], None]) -> None:
        """Have `take` called with webrtcbin's statistics (a Gst.Structure), on this thread."""

        def _from_stats(promise: Any, *_: Any) -> None:
            if promise.wait() == Gst.PromiseResult.REPLIED:
                post(take, promise.get_reply())

        self._web.emit("get-stats", None, Gst.Promise.new_with_change_func(_from_stats))

    def close(self) -> None:
        """End the connection and free what it held."""
        for thing, handler in self._handlers:
            thing.disconnect(handler)
        self._handlers.clear()
        self._channel = None
        for pad, probe in self._probes:
            pad.remove_probe(probe)
        self._probes.clear()
        self._pipeline.get_bus().remove_signal_watch()
        # The source first: what is on its way then finds every element after it at work.
        self._source.set_locked_state(True)
        self._source.set_state(Gst.State.NULL)
        self._pipeline.set_state(Gst.State.NULL)
        # webrtcbin's threads and sockets go with its last reference, so none may stay in a cycle.
        self._pipeline = self._web = self._source = self._pad = None

    # --- from GStreamer's threads -------------------------------------------------------------

    def _from_remote_set(self, promise: Any, *_: Any) -> None:
        if (error := _error_of(promise)) is not None:
            post(self._listener.peer_failed, error)
            return
        web = self._web
        if web is None:  # closed meanwhile
            return
        next_promise = Gst.Promise.new_with_change_func(self._from_answer_made)
        web.emit("create-answer", None, next_promise)

    def _from_answer_made(self, promise: Any, *_: Any) -> None:
        error = _error_of(promise)
        reply = promise.get_reply()
        answer = reply.get_value("answer") if error is None and reply is not None else None
        if answer is None:
            post(self._listener.peer_failed, error or "webrtcbin made no answer")
            return
        text = answer.sdp.as_text()
        done = Gst.Promise.new_with_change_func(self._from_local_set)
        post(self._listener.peer_answered, text)
        web = self._web
        if web is not None:
            web.emit("set-local-description", answer, done)

    def _from_local_set(self, promise: Any, *_: Any) -> None:
        if (error := _error_of(promise)) is not None:
            post(self._listener.peer_failed, error)

    def _from_ice(self, _web: Any, _index: int, text: str) -> None:
        candidate = parse_candidate(text)
        if candidate is not None:
            post(self._listener.peer_found, candidate)

    def _from_gathering(self, web: Any, _property: Any) -> None:
        state = web.get_property("ice-gathering-state")
        if state == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            post(self._listener.peer_gathered)

    def _from_state(self, web: Any, _property: Any) -> None:
        post(self._listener.peer_changed, web.get_property("connection-state").value_nick)

    def _from_pad(self, _pad: Any, info: Any) -> Any:
        structure = info.get_event().get_structure()
        name = structure.get_name() if structure is not None else ""
        if name == "GstForceKeyUnit":
            post(self._listener.peer_wants_key_frame)
        elif name == "RTPTWCCPackets":
            arrivals = self._gates.feedback.take(structure, time.monotonic())
            if arrivals:
                post(self._listener.peer_told_arrivals, arrivals)
        return Gst.PadProbeReturn.OK

    def _from_retransmissions(self, _pad: Any, info: Any) -> Any:
        structure = info.get_event().get_structure()
        if structure is None or structure.get_name() != "GstRTPRetransmissionRequest":
            return Gst.PadProbeReturn.OK
        number = int(structure.get_value("seqnum"))
        is_sent = self._gates.retransmissions.take(number, time.monotonic())
        return Gst.PadProbeReturn.OK if is_sent else Gst.PadProbeReturn.DROP

    def _from_viewer(self, _pad: Any, _info: Any) -> Any:
        self._heard_at = time.monotonic()
        return Gst.PadProbeReturn.OK

    def _from_bus(self, _bus: Any, message: Any) -> None:
        # The bus's watch runs on the main loop's thread already.
        error, _ = message.parse_error()
        self._listener.peer_failed(f"{message.src.get_name()}: {error.message}")

    def _from_channel(self, _web: Any, channel: Any) -> None:
        self._channels += 1
        if self._channels > MAX_CHANNELS:
            post(self._listener.peer_failed, "the viewer opened too many data channels")
            return
        if channel.get_property("label") != CHANNEL or self._channel is not None:
            return
        self._channel = channel
        self._connect(channel, "on-message-string", self._from_message)
        self._connect(channel, "on-message-data", self._from_data)
        self._connect(channel, "on-open", self._from_open)
        if channel.get_property("ready-state") == GstWebRTC.WebRTCDataChannelState.OPEN:
            post(self._listener.peer_channel_opened)

    def _from_open(self, _channel: Any) -> None:
        post(self._listener.peer_channel_opened)

    def _from_message(self, _channel: Any, text: str | None) -> None:
        message = self._gates.input.take(text or "", time.monotonic())
        if message is not None:
            post(self._listener.peer_said, message)

    def _from_data(self, _channel: Any, data: GLib.Bytes | None) -> None:
        message = self._gates.input.take(data.get_data() if data else b"", time.monotonic())
        if message is not None:
            post(self._listener.peer_said, message)


def _make(name: str) -> Any:
    element = Gst.ElementFactory.make(name, None)
    if element is None:
        raise PeerFailed(f"GStreamer has no {name}")
    return element


def _error_of(promise: Any) -> str | None:
    if promise.wait() != Gst.PromiseResult.REPLIED:
        return "webrtcbin gave up"
    reply = promise.get_reply()
    if reply is not None and reply.has_field("error"):
        return str(reply.get_value("error"))
    return None


def _parts(web: Any, kind: str) -> Iterator[Any]:
    found = web.iterate_recurse()
    while True:
        result, element = found.next()
        if result != Gst.IteratorResult.OK:
            return
        factory = element.get_factory()
        if factory is not None and factory.get_name() == kind:
            yield element
