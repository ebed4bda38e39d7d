// Reads the painter's window back from what the page shows, once per animation frame.
() => {
  const canvas = document.createElement("canvas");
  canvas.width = 32;
  canvas.height = 2;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingEnabled = false;
  const meter = { glass: [], keys: [], waiting: [], clock: -1, count: -1, frames: 0, on: true };
  window.fanlightMeter = meter;
  const source = () => {
    const root = document.querySelector("fanlight-viewer").shadowRoot;
    const picture = root.querySelector("canvas:not([hidden])");
    const isShown = picture && picture.width > 300 && picture.getClientRects().length > 0;
    return isShown ? picture : root.querySelector("#video");
  };
  const number = (bits) => bits.reduce((value, bit) => value * 2 + bit, 0);
  const read = () => {
    context.drawImage(source(), 0, 0, 1280, 80, 0, 0, 32, 2);
    const pixels = context.getImageData(0, 0, 32, 2).data;
    const bits = Array.from({ length: 64 }, (_, i) => (pixels[i * 4 + 1] > 127 ? 1 : 0));
    const clock = number(bits.slice(0, 24));
    const sum = (((((clock >> 16) + (clock >> 8) + clock) * 37) & 0xff) ^ 0x5a) >>> 0;
    if (sum === number(bits.slice(24, 32)) && clock !== meter.clock) {
      if (meter.clock >= 0) meter.glass.push((Date.now() & 0xffffff) - clock);
      meter.clock = clock;
    }
    const count = number(bits.slice(32, 40));
    const isWhole = count + number(bits.slice(40, 48)) === 255 && count === number(bits.slice(48, 56));
    if (isWhole && count !== meter.count) {
      // A key that never arrived must not be taken for the one after it.
      const pressed = meter.waiting.pop();
      if (meter.count >= 0 && pressed) meter.keys.push(performance.now() - pressed);
      meter.waiting = [];
      meter.count = count;
    }
    meter.frames += 1;
  };
  addEventListener("keydown", () => meter.waiting.push(performance.now()), true);
  const tick = () => {
    if (!meter.on) return;
    read();
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}
