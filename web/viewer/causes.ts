/** Made by `./dev generate` from src/fanlight/session/causes.py: do not edit. */

export interface Cause {
  readonly title: string;
  readonly text: string;
  readonly whose: "network" | "server" | "operator" | "machine" | "browser" | "you";
  readonly hint: string;
}

export const CAUSES = {
  offline: {
    title: "This computer is offline",
    text: "Your computer has no network at the moment.",
    whose: "network",
    hint: "Switch the network on again; the picture comes back by itself.",
  },
  "server-unreachable": {
    title: "The server does not answer",
    text: "Your computer is online, but requests to the Fanlight server get no answer.",
    whose: "server",
    hint: "Check the address and your VPN. The page goes on trying and returns by itself.",
  },
  "gateway-unreachable": {
    title: "The media gateway does not answer",
    text: "The server answers, but its media gateway, which sends the picture, does not.",
    whose: "server",
    hint: "Wait a few seconds: it is started again by itself, and the page connects again.",
  },
  "udp-blocked": {
    title: "UDP does not get through",
    text: "No UDP packet comes through between your browser and the server.",
    whose: "network",
    hint: "The picture takes a slower way. Another network or VPN setting may let UDP through.",
  },
  "tcp-blocked": {
    title: "The gateway's TCP port does not answer",
    text: "The gateway takes viewers over TCP, but no connection to that port comes about.",
    whose: "network",
    hint: "A firewall lets only some ports through. A TURN server or a WebSocket takes its place.",
  },
  "turn-not-configured": {
    title: "There is no TURN server",
    text: "A direct way to the picture was not found, and the server names no TURN server that could relay it.",
    whose: "operator",
    hint: "The picture takes a slower way. Tell whoever runs the server.",
  },
  "turn-unreachable": {
    title: "The TURN server does not answer",
    text: "There is a TURN server, but nothing comes back from it, neither by UDP nor by TCP.",
    whose: "network",
    hint: "The picture takes a slower way. Another network may let it through.",
  },
  "turn-refused": {
    title: "The TURN server refused us",
    text: "The TURN server answers, but does not take the credentials or does not relay to the media gateway.",
    whose: "operator",
    hint: "Reload the page, which asks for new credentials. Then tell whoever runs the server.",
  },
  "websocket-blocked": {
    title: "WebSockets do not get through",
    text: "The page comes through, but a WebSocket to the same server does not.",
    whose: "network",
    hint: "A proxy or virus scanner on the way may cut them. Try another network.",
  },
  "events-held-back": {
    title: "Events are held back",
    text: "The server's events do not arrive when they are sent, or not at all.",
    whose: "network",
    hint: "The page still works, but learns late what happens. Try another network.",
  },
  "insecure-page": {
    title: "The page is not secure",
    text: "The page was opened over plain HTTP from another computer: browsers then switch off what decodes the picture over a WebSocket, and what reads the clipboard.",
    whose: "operator",
    hint: "Open the page by its HTTPS address.",
  },
  "vnc-blocked": {
    title: "noVNC cannot be had either",
    text: "The slowest way, noVNC over a WebSocket, was tried last and did not open.",
    whose: "network",
    hint: "Try another network. The page goes on trying.",
  },
  "no-path": {
    title: "No way to the picture was found",
    text: "Every way was tried - direct, relayed, over a WebSocket and noVNC - and none came through.",
    whose: "network",
    hint: "Try another network or without VPN. The page's connection test says what is blocked.",
  },
  "no-picture": {
    title: "No picture comes",
    text: "Your browser is connected, but no picture comes from the machine.",
    whose: "machine",
    hint: "Wait a moment: a booting machine sends its first picture when its desktop is there.",
  },
  "picture-not-shown": {
    title: "The picture comes but is not shown",
    text: "Video arrives at your browser, but it decodes or shows no frame of it.",
    whose: "browser",
    hint: "Reload the page. If it stays, try another browser or switch hardware decoding off.",
  },
  "codec-unsupported": {
    title: "This browser lacks the codec",
    text: "Your browser cannot decode what this session sends.",
    whose: "browser",
    hint: "Use a current Chromium, Firefox or Safari.",
  },
  "network-lost": {
    title: "The network was lost",
    text: "The picture was there; then nothing came through any more.",
    whose: "network",
    hint: "It returns by itself when the network is back.",
  },
  "offer-rejected": {
    title: "The offer cannot be answered",
    text: "The gateway did not accept what your browser offered.",
    whose: "browser",
    hint: "Reload the page; if it stays, use a current browser.",
  },
  "machine-silent": {
    title: "The machine does not answer",
    text: "The machine sends no picture any more and does not answer the server.",
    whose: "machine",
    hint: "Wait a moment: if it stays silent, the session ends with its reason.",
  },
  "slow-path": {
    title: "The way is slow",
    text: "The picture comes, but the network loses or delays so much that it is worse than it could be.",
    whose: "network",
    hint: "A cable or a nearer Wi-Fi helps. Bit rate and frame rate follow by themselves.",
  },
  chosen: {
    title: "You chose this way",
    text: "This way of showing the picture was chosen by hand.",
    whose: "you",
    hint: "Press `Use WebRTC` for the best way that works.",
  },
} as const satisfies Record<string, Cause>;

export type CauseCode = keyof typeof CAUSES;
