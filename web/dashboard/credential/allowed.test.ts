import { expect, it } from "vitest";
import { holdsOnly } from "./allowed";

const holds = (path: string, fields: string[], text: string) =>
  holdsOnly(path, fields, new TextEncoder().encode(text));

it.each<[string, string[], string]>([
  ["a.json", ["oauthAccount"], '{\n  "oauthAccount": {"mcpServers": 1}\n}\n'],
  ["a.json", ["a", "b"], '{"b": 1.5}'],
  ["a.toml", ["token", "scopes"], 'token = "x\\u007f \u00e9"\nscopes = ["a", "b"]\n'],
  ["a.toml", ["a", "b", "c"], "a = -12\nb = true\nc = []\n"],
  ["h.yml", ["github.com", "user"], "github.com:\n    user: octo-cat\n"],
  ["h.yaml", ["user", "token"], "user: a@b.c\ntoken:\n"],
  ["a.db", [], "anything"],
])("%s with %j may hold %j", (path, fields, text) => {
  expect(holds(path, fields, text)).toBe(true);
});

it.each<[string, string[], string]>([
  ["a.json", ["oauthAccount"], '{"oauthAccount": {}, "mcpServers": {}}'],
  ["a.json", ["oauthAccount"], '{"mcpServers": {}, "mcpServers": {}}'],
  ["a.json", ["a"], '{"a": 1, "__proto__": {}}'],
  ["a.json", ["a"], "{}"],
  ["a.json", ["a"], '["a"]'],
  ["a.json", ["a"], '\ufeff{"a": 1}'],
  ["a.json", ["a"], ""],
  ["a.toml", ["a"], 'a = "x"\nb = "y"\n'],
  ["a.toml", ["a"], 'a = "x"\na = "y"\n'],
  ["a.toml", ["a"], 'a = "x"\n[b]\n'],
  ["a.toml", ["a"], 'a = "x"'],
  ["a.toml", ["a"], 'a = "\\ud800"\n'],
  ["a.toml", ["a"], "a = {b = 1}\n"],
  ["a.toml", ["a"], "a = 1979-05-27\n"],
  ["a.toml", ["a"], 'a = """\nx\n"""\n'],
  ["a.toml", ["a"], 'a = ["x"] # more\n'],
  ["a.toml", ["a"], "\n"],
  ["h.yml", ["user"], "user: a\nalias: b\n"],
  ["h.yml", ["user"], "user: &x a\n"],
  ["h.yml", ["user"], "user: a\r\n"],
  ["h.yml", ["user"], "user: !!python/object a\n"],
  ["h.yml", ["user"], "user: a"],
  ["h.yml", ["user"], "user: \n"],
  ["a.db", ["user"], "user"],
])("%s with %j may not hold %j", (path, fields, text) => {
  expect(holds(path, fields, text)).toBe(false);
});

it("takes nothing that is not UTF-8", () => {
  expect(holdsOnly("a.json", ["a"], new Uint8Array([0x7b, 0xff]))).toBe(false);
});
