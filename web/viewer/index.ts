/** The viewer library: defines `<fanlight-viewer>`. */

import { FanlightViewer } from "./element";
import type { ViewerState } from "./words";

export { partsOf } from "./events";
export { preflight } from "./preflight";
export { type Check, conclusion, reportOf, rungOf, VERDICTS } from "./preflight-words";
export { FanlightViewer, type ViewerState };

export const ELEMENT = "fanlight-viewer";

declare global {
  interface HTMLElementTagNameMap {
    "fanlight-viewer": FanlightViewer;
  }
  interface HTMLElementEventMap {
    "fanlight-state": CustomEvent<ViewerState>;
    /** The session as the API says it, whenever it changed. */
    "fanlight-session": CustomEvent<unknown>;
  }
}

/** Makes the element known to the page. Twice is once. */
export function define(): void {
  if (!customElements.get(ELEMENT)) customElements.define(ELEMENT, FanlightViewer);
}
