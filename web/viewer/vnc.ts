/** The rung below WebRTC: noVNC over a WebSocket, loaded only when it is needed. */

import { CONTROL_L, keysymOfCharacter, SHIFT_L, SUPER_L } from "./keysyms";
import { ticketFor } from "./tickets";

export interface VncHeard {
  connected(): void;
  lost(reason: string): void;
}

/** Keys that may be held when a paste comes. */
const HELD = [
  ["ControlLeft", CONTROL_L],
  ["ControlRight", CONTROL_L + 1],
  ["ShiftLeft", SHIFT_L],
  ["MetaLeft", SUPER_L],
] as const;

type Rfb = InstanceType<typeof import("@novnc/novnc").default>;

export class Vnc {
  private rfb: Rfb | null = null;
  private closed = false;

  constructor(
    private readonly base: string,
    private readonly session: string,
    private readonly target: HTMLElement,
    private readonly heard: VncHeard,
  ) {
    this.connect().catch((error: unknown) => this.lost(`noVNC could not be started: ${error}.`));
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.rfb?.disconnect();
    this.target.replaceChildren();
  }

  focus(): void {
    this.rfb?.focus({ preventScroll: true });
  }

  blur(): void {
    this.rfb?.blur();
  }

  /** Types a pasted text key by key: the machine's clipboard is not touched. */
  paste(text: string): void {
    // Control+V brought the text: with Control still held, each character would be a shortcut.
    for (const [code, symbol] of HELD) this.rfb?.sendKey(symbol, code, false);
    for (const character of text.replace(/\r\n?/g, "\n")) {
      const symbol = keysymOfCharacter(character);
      if (symbol !== null) this.rfb?.sendKey(symbol, null);
    }
  }

  private async connect(): Promise<void> {
    const [{ default: RFB }, ticket] = await Promise.all([
      import("@novnc/novnc"),
      ticketFor(this.base, this.session, "vnc"),
    ]);
    if (this.closed) return;
    const url = new URL(`api/auth/session/${this.session}/vnc`, this.base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("ticket", ticket);
    const rfb = new RFB(this.target, url.href, { wsProtocols: ["binary"] });
    this.rfb = rfb;
    rfb.scaleViewport = true;
    rfb.resizeSession = false;
    rfb.focusOnClick = true;
    rfb.background = "transparent";
    rfb.addEventListener("connect", () => {
      if (!this.closed) this.heard.connected();
    });
    rfb.addEventListener("disconnect", (event) => {
      const { clean } = (event as CustomEvent<{ clean: boolean }>).detail;
      this.lost(
        clean ? "The machine closed the VNC connection." : "The VNC connection broke off.",
      );
    });
    rfb.addEventListener("securityfailure", () => this.lost("The machine refused VNC."));
    // The event "clipboard" is not listened to: nothing leaves the machine by its clipboard.
  }

  private lost(reason: string): void {
    this.rfb = null;
    if (!this.closed) this.heard.lost(reason);
  }
}
