/**
 * What a file of a credential may hold: the fields that the catalogue names, and nothing else.
 * The guest cut its files down to them in one plain form; anything in another form is refused.
 */

const TOP_LEVEL_KEY = /^([A-Za-z0-9_-]+) = (.+)$/;
const YAML_LINE = /^ {0,8}([A-Za-z0-9._-]{1,64}):(?: [A-Za-z0-9._@+/-]+)?$/;
const INTEGER = /^-?[0-9]{1,19}$/;

/** Says whether `content` holds one or more of `fields` and nothing else. No fields: anything. */
export function holdsOnly(
  path: string,
  fields: readonly string[],
  content: Uint8Array<ArrayBuffer>,
): boolean {
  if (fields.length === 0) return true;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return false;
  }
  switch (path.split(".").at(-1)) {
    case "json":
      return isAllowedJson(text, fields);
    case "toml":
      return isAllowedToml(text, fields);
    case "yml":
    case "yaml":
      return isAllowedYaml(text, fields);
    default:
      return false;
  }
}

function isAllowedJson(text: string, fields: readonly string[]): boolean {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return false;
  }
  if (typeof data !== "object" || data === null || Array.isArray(data)) return false;
  const names = Object.keys(data);
  return names.length > 0 && names.every((name) => fields.includes(name));
}

/** Lines of `key = value` with plain values: what has a table in it is refused. */
function isAllowedToml(text: string, fields: readonly string[]): boolean {
  const lines = linesOf(text);
  const seen = new Set<string>();
  for (const line of lines) {
    const [, key, value] = TOP_LEVEL_KEY.exec(line) ?? [];
    if (key === undefined || value === undefined) return false;
    if (seen.has(key) || !fields.includes(key) || !isTomlValue(value)) return false;
    seen.add(key);
  }
  return lines.length > 0;
}

/** A value as the guest writes it: JSON's strings are TOML's, but for escaped surrogates. */
function isTomlValue(words: string): boolean {
  if (INTEGER.test(words)) return true;
  try {
    return tomlOf(JSON.parse(words)) === words && !/\\u[dD][89a-fA-F]/.test(words);
  } catch {
    return false;
  }
}

function tomlOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
  if (typeof value === "boolean" || Number.isSafeInteger(value)) return String(value);
  if (Array.isArray(value)) return `[${value.map(tomlOf).join(", ")}]`;
  throw new Error("a value of no simple kind");
}

function isAllowedYaml(text: string, fields: readonly string[]): boolean {
  const lines = linesOf(text);
  const keys = lines.map((line) => YAML_LINE.exec(line)?.[1]);
  return lines.length > 0 && keys.every((key) => key !== undefined && fields.includes(key));
}

/** Gives the lines of a text that ends in a line break; none of any other. */
function linesOf(text: string): string[] {
  return text.endsWith("\n") ? text.slice(0, -1).split("\n") : [];
}
