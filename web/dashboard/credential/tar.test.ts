import { expect, it } from "vitest";
import { tar } from "./tar";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replace(/\0.*$/s, "");

it("writes what a tar reader reads: name, mode 600, size, sum and content", () => {
  const content = new TextEncoder().encode("token = 1\n");
  const archive = tar([{ path: ".config/tool/a.toml", content }], 1_700_000_000);
  expect(archive.length).toBe(512 + 512 + 1024);
  expect(text(archive.slice(0, 100))).toBe(".config/tool/a.toml");
  expect(text(archive.slice(100, 108))).toBe("0000600");
  expect(Number.parseInt(text(archive.slice(124, 136)), 8)).toBe(content.length);
  expect(text(archive.slice(257, 263))).toBe("ustar");
  const sum = Number.parseInt(text(archive.slice(148, 156)), 8);
  const blanked = archive.slice(0, 512).fill(0x20, 148, 156);
  expect(blanked.reduce((total, byte) => total + byte, 0)).toBe(sum);
  expect(archive.slice(512, 512 + content.length)).toEqual(content);
});

it("splits a long path, and refuses one that does not fit", () => {
  const path = `${"d".repeat(80)}/${"f".repeat(60)}`;
  const archive = tar([{ path, content: new Uint8Array() }], 0);
  expect(text(archive.slice(345, 500))).toBe("d".repeat(80));
  expect(() => tar([{ path: "x".repeat(120), content: new Uint8Array() }], 0)).toThrow("too long");
});
