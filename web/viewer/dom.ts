/** Builds elements without markup in text: Trusted Types would refuse it, and rightly. */

type Attributes = Record<string, string>;

export function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** What is pressed in these is theirs: the desktop beneath would capture the pointer, and the click. */
export function keepPresses(...elements: HTMLElement[]): void {
  for (const name of ["pointerdown", "pointerup", "pointermove", "wheel", "contextmenu"]) {
    for (const element of elements) {
      element.addEventListener(name, (event) => event.stopPropagation());
    }
  }
}

const SVG = "http://www.w3.org/2000/svg";

/** A line drawing of 24 by 24 units. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** Gives an element that plays a desktop's picture by itself. */
export function newVideo(id?: string): HTMLVideoElement {
  const video = make("video", id ? { id } : {});
  video.muted = true;
  video.autoplay = true;
  video.playsInline = true;
  video.disablePictureInPicture = true;
  video.setAttribute("aria-label", "The desktop");
  return video;
}
