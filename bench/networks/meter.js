// Watches what the page shows, once per animation frame, the same way for a video and a canvas.
// A frame counts when the moving text of the painter's window, compared pixel by pixel, is another;
// the picture is there when the painter's clock can be read with its checksum.
() => {
  const WIDTH = 1280;
  const ROWS = 100; // of the picture: two rows of blocks, then moving text
  const [TEXT_TOP, TEXT_ROWS] = [84, 16];
  const BLOCK = 40;
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = ROWS;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const meter = { on: true, began: 0, first: null, changes: [], glass: [], clocks: 0, states: [] };
  window.fanlightMeter = meter;
  const now = () => performance.timeOrigin + performance.now();

  const shown = () => {
    const root = document.querySelector("fanlight-viewer")?.shadowRoot ?? document;
    const seen = [...root.querySelectorAll("canvas, video")].filter(
      (each) =>
        each.getClientRects().length > 0 &&
        getComputedStyle(each).visibility !== "hidden" &&
        (each.videoWidth ?? each.width) > 300,
    );
    return seen.find((each) => each instanceof HTMLCanvasElement) ?? seen.find((e) => e.id === "video");
  };
  const number = (bits) => bits.reduce((value, bit) => value * 2 + bit, 0);

  let clock = -1;
  let text = 0;
  const look = () => {
    const picture = shown();
    if (!picture) return;
    const [width, height] = [picture.videoWidth ?? picture.width, picture.videoHeight ?? picture.height];
    context.drawImage(picture, 0, 0, width, (height * ROWS) / 720, 0, 0, WIDTH, ROWS);
    const blocks = context.getImageData(0, BLOCK / 2, WIDTH, 1).data;
    const bits = Array.from({ length: 32 }, (_, i) => (blocks[(i * BLOCK + BLOCK / 2) * 4 + 1] > 127 ? 1 : 0));
    const read = number(bits.slice(0, 24));
    const sum = (((((read >> 16) + (read >> 8) + read) * 37) & 0xff) ^ 0x5a) >>> 0;
    if (sum === number(bits.slice(24)) && read !== clock) {
      clock = read;
      meter.clocks += 1;
      meter.first ??= now();
      meter.glass.push([now(), (Date.now() & 0xffffff) - clock]);
    }
    const pixels = new Uint32Array(context.getImageData(0, TEXT_TOP, 1000, TEXT_ROWS).data.buffer);
    let hash = 0;
    for (let at = 0; at < pixels.length; at += 1) hash = (Math.imul(hash, 31) + pixels[at]) | 0;
    if (hash !== text) {
      text = hash;
      if (meter.first !== null) meter.changes.push(now());
    }
  };
  const note = () => {
    const viewer = document.querySelector("fanlight-viewer");
    if (!viewer) return;
    const { state, rung, cause } = viewer.dataset;
    const said = viewer.viewerState ?? {};
    const entry = { state, rung: rung ?? said.rung, cause: cause ?? said.cause ?? "", reason: said.reason ?? "" };
    const last = meter.states.at(-1);
    if (last && JSON.stringify(last[1]) === JSON.stringify(entry)) return;
    meter.states.push([now(), entry]);
  };
  const tick = () => {
    if (!meter.on) return;
    note();
    look();
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}
