import { describe, expect, it } from "vitest";
import { BundleRefused, isPlainPath, readBundle, sha256Of } from "./bundle";

const CONTENT = new TextEncoder().encode('oauth_token = "x"\n');
const PATH = ".config/.wrangler/config/default.toml";
const EXPECTED = {
  session: "s-1",
  tool: "wrangler",
  account: "me@example.com",
  files: [{ path: PATH, fields: ["oauth_token"], required: true }],
};

async function bundle(more: Record<string, unknown> = {}, file: Record<string, unknown> = {}) {
  const sha256 = await sha256Of(CONTENT);
  const contentB64 = btoa(String.fromCharCode(...CONTENT));
  return JSON.stringify({
    format: "fanlight-bundle-1",
    session: "s-1",
    tool: "wrangler",
    account: "me@example.com",
    nonce: "n",
    createdAt: "2026-11-23T19:00:00Z",
    files: [{ path: PATH, mode: 0o600, sha256, contentB64, ...file }],
    ...more,
  });
}

describe("a bundle", () => {
  it("gives its files when everything fits", async () => {
    const { files, account } = await readBundle(await bundle(), EXPECTED);
    expect(account).toBe("me@example.com");
    expect(files).toEqual([{ path: PATH, content: CONTENT }]);
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ["another format", { format: "x" }, {}],
    ["another session", { session: "s-2" }, {}],
    ["another tool", { tool: "gh" }, {}],
    ["another account", { account: "you@example.com" }, {}],
    ["no files", { files: [] }, {}],
    ["an empty nonce", { nonce: "" }, {}],
    ["a nonce that is no text", { nonce: 1 }, {}],
    ["a key too many", { more: 1 }, {}],
    ["a key too few", { createdAt: undefined }, {}],
    ["a file that says more", {}, { owner: "root" }],
    ["a path outside the catalogue", {}, { path: ".bashrc" }],
    ["a path that climbs", {}, { path: "../x" }],
    ["an absolute path", {}, { path: "/etc/passwd" }],
    ["another mode", {}, { mode: 0o755 }],
    ["a wrong hash", {}, { sha256: "00" }],
    ["no base64", {}, { contentB64: "%" }],
    ["base64 with blanks", {}, { contentB64: `${btoa("oauth_token = 1\n")} ` }],
  ])("with %s is refused", async (_, more, file) => {
    await expect(readBundle(await bundle(more, file), EXPECTED)).rejects.toThrow(BundleRefused);
  });

  it("whose file holds more than the allowed fields is refused", async () => {
    const content = new TextEncoder().encode('oauth_token = "x"\nscript = "rm"\n');
    const file = {
      sha256: await sha256Of(content),
      contentB64: btoa(String.fromCharCode(...content)),
    };
    await expect(readBundle(await bundle({}, file), EXPECTED)).rejects.toThrow(
      "holds more than a credential",
    );
  });

  it("without a file that must be there is refused", async () => {
    const files = [...EXPECTED.files, { path: ".other", fields: [], required: true }];
    await expect(readBundle(await bundle(), { ...EXPECTED, files })).rejects.toThrow(".other");
    const optional = files.map((file) => ({ ...file, required: file.path === PATH }));
    expect(
      (await readBundle(await bundle(), { ...EXPECTED, files: optional })).files,
    ).toHaveLength(1);
  });

  it("of an account that nobody confirmed is refused", async () => {
    await expect(readBundle(await bundle(), { ...EXPECTED, account: null })).rejects.toThrow(
      BundleRefused,
    );
  });

  it.each(["", "null", "[]", "{", '"x"'])("that is %j is refused", async (text) => {
    await expect(readBundle(text, EXPECTED)).rejects.toThrow(BundleRefused);
  });
});

it("knows plain paths", () => {
  const bad = [
    "/a",
    "a/../b",
    "a//b",
    "a\\b",
    "a\0b",
    "",
    ".",
    "a/.",
    "a b",
    `${"a/".repeat(200)}b`,
  ];
  expect(bad.filter(isPlainPath)).toEqual([]);
  expect([".a/b.json", "a-b_c+d@e"].every(isPlainPath)).toBe(true);
});
