// The players' pages, as somebody who uses these packages would build them.
import { fileURLToPath } from "node:url";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

export default {
  root: here("."),
  logLevel: "warn",
  build: {
    outDir: process.env.PLAYERS_OUT,
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: [here("whip-whep.html"), here("eyevinn.html")] },
  },
};
