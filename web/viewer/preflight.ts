/**
 * Checks before any session what a viewer will need: the ways to the gateway, WebSockets, events,
 * codecs. Every check runs at once; all of them together take eight seconds at most.
 */

import type { CauseCode } from "./causes";
import type { Rung } from "./messages";
import { tryWay } from "./preflight-path";
import { iceServersFor, tryEvents, tryServer, tryWebSocket } from "./preflight-web";
import {
  because,
  type Check,
  type Finding,
  ofDirect,
  ofRelay,
  SIGN_IN,
  took,
} from "./preflight-words";

export const LIMIT_MS = 8_000;
/** More TURN addresses than this are not tried: each takes a connection of the gateway's. */
const MOST_RELAYS = 8;

const NO_TURN: Finding = {
  ...because("turn-not-configured", "unavailable"),
  text: "The server names no TURN server.",
  hint: "One is needed only where nothing direct comes through.",
};

type Run = (signal: AbortSignal) => Promise<Finding>;
/** `code`: what it means when there is no answer at all. */
type Add = (id: string, name: string, code: CauseCode, run: Run) => Promise<void>;

/**
 * Runs every check; `changed` is given all of them whenever one knows more.
 *
 * `place` is where Fanlight is, relative to the page; `ended` ends it before its time.
 */
export async function preflight(
  place: string,
  changed: (checks: readonly Check[]) => void,
  ended?: AbortSignal,
): Promise<readonly Check[]> {
  const base = new URL(place, document.baseURI).href;
  const limit = AbortSignal.timeout(LIMIT_MS);
  const signal = ended ? AbortSignal.any([limit, ended]) : limit;
  const checks: Check[] = [];
  const add: Add = (id, name, code, run) => {
    const at = checks.length;
    checks.push({ id, name, verdict: "running", text: "", hint: "", code: "" });
    changed(inOrder(checks));
    return settle(run, code, signal).then((finding) => {
      const check = checks[at];
      if (!check || ended?.aborted) return;
      checks[at] = { ...check, ...finding };
      changed(inOrder(checks));
    });
  };
  const known = [
    add("context", "Secure page", "insecure-page", async () => context()),
    add("codecs", "Video in WebRTC", "codec-unsupported", async () => codecs()),
    add("decoder", "Video over a WebSocket", "codec-unsupported", () => decoder()),
    add("server", "Server", "server-unreachable", (until) => server(base, until)),
    add("events", "Server-sent events", "events-held-back", (until) => events(base, until)),
    add("websocket", "WebSocket", "websocket-blocked", (until) => webSocket(base, until)),
    add("udp", "UDP, direct", "udp-blocked", (until) => direct(base, "udp", until)),
    add("tcp", "TCP, direct", "tcp-blocked", (until) => direct(base, "tcp", until)),
    relays(base, add, signal),
  ];
  await Promise.all(known);
  return inOrder(checks);
}

/** The ways first, the best of them at the top. */
const ORDER = ["udp", "tcp", "turn", "websocket", "decoder", "codecs", "events", "server"];

function inOrder(checks: readonly Check[]): Check[] {
  const place = ({ id }: Check) => {
    const at = ORDER.indexOf(id.replace(/-\d+$/, ""));
    return at < 0 ? ORDER.length : at;
  };
  return [...checks].sort((a, b) => place(a) - place(b));
}

/** Bounds a check: what has no answer when the time is over has none. */
async function settle(run: Run, code: CauseCode, signal: AbortSignal): Promise<Finding> {
  const over = new Promise<Finding>((resolve) => {
    signal.addEventListener("abort", () => resolve(because(code)), { once: true });
  });
  const found = run(signal).catch((error: unknown) => {
    const text = `It could not be checked: ${error}.`;
    return { ...because(code), text };
  });
  return Promise.race([found, over]);
}

async function relays(base: string, add: Add, signal: AbortSignal): Promise<void> {
  const servers = await iceServersFor(base, signal);
  if (servers === "unreachable") {
    return add("turn", "TURN", "server-unreachable", async () => because("server-unreachable"));
  }
  if (servers === "signed-out") {
    return add("turn", "TURN", "turn-not-configured", async () => SIGN_IN);
  }
  const urls = servers.flatMap((server) => [server.urls].flat().map((url) => ({ server, url })));
  const turns = urls.filter(({ url }) => /^turns?:/.test(url)).slice(0, MOST_RELAYS);
  if (turns.length === 0) return add("turn", "TURN", "turn-not-configured", async () => NO_TURN);
  const many = (rung: Rung) => turns.filter(({ url }) => rungOfTurn(url) === rung).length > 1;
  const all = turns.map(({ server, url }, index) => {
    const rung = rungOfTurn(url);
    const name = `TURN over ${rung.slice("turn-".length).toUpperCase()}`;
    const { username = "", credential = "" } = server;
    const relay = { urls: [url], username, credential };
    const shown = many(rung) ? `${name} (${index + 1})` : name;
    return add(`turn-${index}`, shown, "turn-unreachable", async (until) =>
      ofRelay(await tryWay(base, { protocol: "udp", relay }, until), rung),
    );
  });
  await Promise.all(all);
}

/** RFC 7065: `turn:` and `turns:`, and how the server is reached. */
export function rungOfTurn(url: string): Rung {
  if (url.startsWith("turns:")) return "turn-tls";
  return /[?&]transport=tcp/i.test(url) ? "turn-tcp" : "turn-udp";
}

async function direct(
  base: string,
  protocol: "udp" | "tcp",
  signal: AbortSignal,
): Promise<Finding> {
  return ofDirect(await tryWay(base, { protocol }, signal), protocol);
}

async function server(base: string, signal: AbortSignal): Promise<Finding> {
  const found = await tryServer(base, signal);
  if (found === null) return because(navigator.onLine ? "server-unreachable" : "offline");
  const who = found.signedIn ? "" : " You are not signed in.";
  return { verdict: "good", text: `It answers, ${took(found.roundTripMs)}.${who}` };
}

async function webSocket(base: string, signal: AbortSignal): Promise<Finding> {
  const found = await tryWebSocket(base, signal);
  if (found === "signed-out") return SIGN_IN;
  if (found === "unreachable") return because("server-unreachable");
  if (found === "blocked") return because("websocket-blocked");
  const text = `It opens and answers, ${took(found.roundTripMs)}.`;
  return { verdict: "good", rung: "websocket", text };
}

async function events(base: string, signal: AbortSignal): Promise<Finding> {
  const found = await tryEvents(base, signal);
  if (found === "signed-out") return SIGN_IN;
  if (found === "held") return because("events-held-back");
  return { verdict: "good", text: `The first came after ${Math.round(found.afterMs)} ms.` };
}

function context(): Finding {
  if (window.isSecureContext) return { verdict: "good", text: "The page is a secure context." };
  return because("insecure-page");
}

function codecs(): Finding {
  if (typeof RTCPeerConnection === "undefined") return because("codec-unsupported");
  const { codecs: known = [] } = RTCRtpReceiver.getCapabilities("video") ?? {};
  const has = (name: string) =>
    known.some(({ mimeType }) => mimeType.toLowerCase() === `video/${name.toLowerCase()}`);
  const names = ["VP8", "H264"].filter(has);
  if (!has("VP8")) return { ...because("codec-unsupported"), text: "It has no VP8." };
  return { verdict: "good", text: `This browser plays ${names.join(" and ")}.` };
}

async function decoder(): Promise<Finding> {
  if (typeof VideoDecoder === "undefined") {
    const why = window.isSecureContext ? "" : " It has them on secure pages only.";
    return { ...because("codec-unsupported"), text: `This browser has no WebCodecs.${why}` };
  }
  const supported = async (codec: string) =>
    (await VideoDecoder.isConfigSupported({ codec })).supported === true;
  const [vp8, h264] = await Promise.all([supported("vp8"), supported("avc1.42E01F")]);
  if (!vp8) return { ...because("codec-unsupported"), text: "WebCodecs has no VP8 here." };
  return { verdict: "good", text: `WebCodecs decodes VP8${h264 ? " and H.264" : ""}.` };
}
