import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The page has a strict Content-Security-Policy: nothing inline, no data: scripts or styles.
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../src/fanlight/built/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  test: { environment: "happy-dom", include: ["{viewer,dashboard}/**/*.test.{ts,tsx}"] },
});
