"""Why a picture does not come, or comes by a lower rung: one table for viewer, server and doctor.

`./dev generate` makes web/viewer/causes.ts and a page docs/problems/CODE.md for each from it; the
server shows the same words at /docs/problems/CODE. Codes are stable: programs may compare them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Whose = Literal["network", "server", "operator", "machine", "browser", "you"]

WHOSE: dict[Whose, str] = {
    "network": "the network between browser and server",
    "server": "the server",
    "operator": "the server's set-up",
    "machine": "the machine",
    "browser": "the browser",
    "you": "nobody's: you chose it",
}
"""Where a cause lies, in words."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What a code means, for a person who looks at a page without a picture."""

    title: str
    """A headline, without a full stop."""
    text: str
    """What happened, in a sentence or two."""
    whose: Whose
    hint: str
    """What to do next, as the viewer shows it."""
    found: str
    """How it is found out: what was tried or measured, and what came of it."""
    operator: str
    """What whoever runs the server can do, and how it is checked."""


CAUSES: dict[str, Cause] = {
    "offline": Cause(
        "This computer is offline",
        "Your computer has no network at the moment.",
        "network",
        "Switch the network on again; the picture comes back by itself.",
        "The browser says so (`navigator.onLine`), and the server does not answer either.",
        "Nothing: the session goes on without a viewer for as long as `idle_timeout_s` says.",
    ),
    "server-unreachable": Cause(
        "The server does not answer",
        "Your computer is online, but requests to the Fanlight server get no answer.",
        "server",
        "Check the address and your VPN. The page goes on trying and returns by itself.",
        "Requests to the page's own address failed or were not answered in time.",
        "See whether `fanlight serve` runs, and whether the proxy in front of it reaches it. A "
        "restart does no harm: machines and pictures go on meanwhile.",
    ),
    "gateway-unreachable": Cause(
        "The media gateway does not answer",
        "The server answers, but its media gateway, which sends the picture, does not.",
        "server",
        "Wait a few seconds: it is started again by itself, and the page connects again.",
        "An offer got 503, or the server announced that its gateway is lost.",
        "`fanlight doctor SESSION` says whether gateway.sock answers; DATA/log/keeper.log has "
        "the gateway's last words.",
    ),
    "udp-blocked": Cause(
        "UDP does not get through",
        "No UDP packet comes through between your browser and the server.",
        "network",
        "The picture takes a slower way. Another network or VPN setting may let UDP through.",
        "ICE tried every UDP address that the server announces, and none answered.",
        "Open the ports of `udp_ports` in the firewall, and check that `announce` has the "
        "addresses that viewers see. A TURN server (`./dev up --turn`) helps where viewers' "
        "networks let no UDP out.",
    ),
    "tcp-blocked": Cause(
        "The gateway's TCP port does not answer",
        "The gateway takes viewers over TCP, but no connection to that port comes about.",
        "network",
        "A firewall lets only some ports through. A TURN server or a WebSocket takes its place.",
        "ICE tried every TCP address that the server announces, and none answered.",
        "Open the gateway's TCP port for viewers in the firewall, or rely on the WebSocket, which "
        "needs no port but the page's.",
    ),
    "turn-not-configured": Cause(
        "There is no TURN server",
        "A direct way to the picture was not found, and the server names no TURN server that "
        "could relay it.",
        "operator",
        "The picture takes a slower way. Tell whoever runs the server.",
        "The list of ICE servers (`GET /api/webrtc/ice-servers`) holds no `turn:` address.",
        "Start with `--turn`, which runs coturn beside the gateway, or name your own servers "
        "in `turn_urls` with their secret in `turn_secret_file`.",
    ),
    "turn-unreachable": Cause(
        "The TURN server does not answer",
        "There is a TURN server, but nothing comes back from it, neither by UDP nor by TCP.",
        "network",
        "The picture takes a slower way. Another network may let it through.",
        "The browser's allocation at each `turn:` address ended without an answer "
        "(`icecandidateerror` 701), or no relayed candidate came in time.",
        "`fanlight doctor` makes an allocation from the host itself. If that works, a firewall "
        "is in the way: open `turn_port` for UDP and TCP and `turn_tls_port` for TCP.",
    ),
    "turn-refused": Cause(
        "The TURN server refused us",
        "The TURN server answers, but does not take the credentials or does not relay to the "
        "media gateway.",
        "operator",
        "Reload the page, which asks for new credentials. Then tell whoever runs the server.",
        "The TURN server answered with an error: 401 for credentials that are wrong or too "
        "old, 403 for a peer that it may not reach, 486 when the quota is used up.",
        "`turn_secret_file` must hold the servers' `static-auth-secret`, the clocks must "
        "agree, and the servers must be allowed to relay to the addresses of `announce`.",
    ),
    "websocket-blocked": Cause(
        "WebSockets do not get through",
        "The page comes through, but a WebSocket to the same server does not.",
        "network",
        "A proxy or virus scanner on the way may cut them. Try another network.",
        "The WebSocket for the picture was closed before it opened, while requests to the "
        "same server are answered.",
        "Let the proxy in front pass `Upgrade: websocket` on for /api/auth/session/. "
        "`fanlight doctor` opens one through `public_url`.",
    ),
    "events-held-back": Cause(
        "Events are held back",
        "The server's events do not arrive when they are sent, or not at all.",
        "network",
        "The page still works, but learns late what happens. Try another network.",
        "The connection test's event, which the server sends at once, did not come within 4 s.",
        "Let the proxy in front pass `text/event-stream` on as it comes, without buffering and "
        "without compressing it.",
    ),
    "insecure-page": Cause(
        "The page is not secure",
        "The page was opened over plain HTTP from another computer: browsers then switch off what "
        "decodes the picture over a WebSocket, and what reads the clipboard.",
        "operator",
        "Open the page by its HTTPS address.",
        "The browser says so (`isSecureContext`).",
        "Serve with `tls_cert` and `tls_key`, or behind a proxy that speaks HTTPS, and set "
        "`public_url`.",
    ),
    "vnc-blocked": Cause(
        "noVNC cannot be had either",
        "The slowest way, noVNC over a WebSocket, was tried last and did not open.",
        "network",
        "Try another network. The page goes on trying.",
        "The WebSocket to the machine's VNC server was closed before a first picture, or the "
        "session's policy allows none.",
        "If WebSockets work otherwise, the machine's VNC server is gone: "
        "`fanlight doctor SESSION` says so.",
    ),
    "no-path": Cause(
        "No way to the picture was found",
        "Every way was tried - direct, relayed, over a WebSocket and noVNC - and none came "
        "through.",
        "network",
        "Try another network or without VPN. The page's connection test says what is blocked.",
        "Each rung ended with a cause of its own; the timeline in the page's details has them.",
        "`fanlight doctor` for the host, then `fanlight doctor SESSION` while the viewer "
        "tries. One HTTPS port that passes WebSockets on is enough for a picture.",
    ),
    "no-picture": Cause(
        "No picture comes",
        "Your browser is connected, but no picture comes from the machine.",
        "machine",
        "Wait a moment: a booting machine sends its first picture when its desktop is there.",
        "The connection is up, and not one packet of video came in time.",
        "`fanlight doctor SESSION` says whether RTP of the machine arrives at the gateway.",
    ),
    "picture-not-shown": Cause(
        "The picture comes but is not shown",
        "Video arrives at your browser, but it decodes or shows no frame of it.",
        "browser",
        "Reload the page. If it stays, try another browser or switch hardware decoding off.",
        "Packets are counted (`packetsReceived` grows), decoded frames are not.",
        "`codec` vp8 is understood by every browser; h264 needs one that has it.",
    ),
    "codec-unsupported": Cause(
        "This browser lacks the codec",
        "Your browser cannot decode what this session sends.",
        "browser",
        "Use a current Chromium, Firefox or Safari.",
        "The answer held no codec that the browser offered, or WebCodecs is missing or does "
        "not support the session's codec.",
        "Start sessions with `codec` vp8, which needs no licence and is in every browser.",
    ),
    "network-lost": Cause(
        "The network was lost",
        "The picture was there; then nothing came through any more.",
        "network",
        "It returns by itself when the network is back.",
        "No packet and no answer came for some seconds on a connection that had worked.",
        "Nothing, unless several viewers lose theirs at the same time: then it is the "
        "server's network.",
    ),
    "offer-rejected": Cause(
        "The offer cannot be answered",
        "The gateway did not accept what your browser offered.",
        "browser",
        "Reload the page; if it stays, use a current browser.",
        "The offer got a 4xx answer; its detail says what was wrong with it.",
        "The server's log names the reason beside the connection's id.",
    ),
    "machine-silent": Cause(
        "The machine does not answer",
        "The machine sends no picture any more and does not answer the server.",
        "machine",
        "Wait a moment: if it stays silent, the session ends with its reason.",
        "The gateway has had no RTP for some seconds, although frames are due, or the link "
        "to the machine is broken.",
        "`fanlight doctor SESSION` says which part of the machine is silent. A host that is "
        "out of memory or of CPU time is the usual reason.",
    ),
    "slow-path": Cause(
        "The way is slow",
        "The picture comes, but the network loses or delays so much that it is worse than it "
        "could be.",
        "network",
        "A cable or a nearer Wi-Fi helps. Bit rate and frame rate follow by themselves.",
        "Loss, jitter or round trip lie over what a good picture needs, or the estimate of "
        "the available rate is lower than what the encoder would send.",
        "`fanlight doctor SESSION` shows loss, round trip and estimate of each connection. "
        "If all viewers are slow, it is the server's uplink.",
    ),
    "chosen": Cause(
        "You chose this way",
        "This way of showing the picture was chosen by hand.",
        "you",
        "Press `Use WebRTC` for the best way that works.",
        "The choice is kept in the page.",
        "Nothing.",
    ),
}
"""Code -> what it means, for every cause that a viewer tells a person."""
