/**
 * Reads an opened bundle, format `fanlight-bundle-1`. The guest that made it is not trusted:
 * what it may hold is said by the caller's own catalogue.
 */

import { holdsOnly } from "./allowed";
import { bytesOf } from "./base64";

export const FORMAT = "fanlight-bundle-1";
export const MAX_BUNDLE_BYTES = 700_000;
export const MAX_FILE_BYTES = 262_144;
export const MAX_FILES = 16;
const MODE = 0o600;
const LONGEST_NAME = 256;
const KEYS = ["format", "session", "tool", "account", "nonce", "createdAt", "files"];
const FILE_KEYS = ["path", "mode", "sha256", "contentB64"];
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const PATH = /^(?!\/)(?!.*\/\/)[A-Za-z0-9._@+-][A-Za-z0-9._@+/-]{0,254}$/;

export interface BundledFile {
  path: string;
  content: Uint8Array<ArrayBuffer>;
}

export interface Bundle {
  session: string;
  tool: string;
  account: string;
  files: BundledFile[];
}

/** A file of a credential as the catalogue has it; no `fields`: the whole file may come. */
export interface AllowedFile {
  path: string;
  fields: readonly string[];
  required: boolean;
}

/** What the bundle must be about. */
export interface Expected {
  session: string;
  tool: string;
  account: string | null;
  files: readonly AllowedFile[];
}

/** The bundle is not what it must be; nothing of it is offered. */
export class BundleRefused extends Error {
  override name = "BundleRefused";
}

/** Gives the bundle that `text` says. Throws BundleRefused. */
export async function readBundle(text: string, expected: Expected): Promise<Bundle> {
  if (new TextEncoder().encode(text).length > MAX_BUNDLE_BYTES) {
    throw new BundleRefused("The bundle is too large.");
  }
  const data = parsed(text);
  const { format, session, tool, account, nonce, createdAt, files } = data;
  if (format !== FORMAT) throw new BundleRefused("The bundle has an unknown format.");
  if (!hasExactly(data, KEYS)) throw new BundleRefused("The bundle is not as it must be.");
  if (session !== expected.session) throw new BundleRefused("The bundle is of another session.");
  if (tool !== expected.tool) throw new BundleRefused("The bundle is of another tool.");
  if (typeof account !== "string" || account !== expected.account) {
    throw new BundleRefused("The bundle is of another account than the one you confirmed.");
  }
  if (![account, nonce, createdAt].every(isName) || nonce === "") {
    throw new BundleRefused("The bundle's names are not text.");
  }
  if (!Array.isArray(files) || files.length === 0 || files.length > MAX_FILES) {
    throw new BundleRefused("The bundle has no list of files.");
  }
  const read: BundledFile[] = [];
  for (const file of files) {
    const next = await readFile(file, expected.files);
    if (read.some(({ path }) => path === next.path)) {
      throw new BundleRefused(`The bundle names ${next.path} twice.`);
    }
    read.push(next);
  }
  const missing = expected.files.find(
    ({ path, required }) => required && !read.some((file) => file.path === path),
  );
  if (missing) throw new BundleRefused(`The bundle lacks ${missing.path}.`);
  return { session: expected.session, tool: expected.tool, account, files: read };
}

/** Whether a path stays under the directory that it is put in. */
export function isPlainPath(path: string): boolean {
  return PATH.test(path) && path.split("/").every((part) => !["", ".", ".."].includes(part));
}

async function readFile(file: unknown, allowed: readonly AllowedFile[]): Promise<BundledFile> {
  if (typeof file !== "object" || file === null || !hasExactly(file, FILE_KEYS)) {
    throw new BundleRefused("A file of the bundle is not described as it must be.");
  }
  const { path, mode, sha256, contentB64 } = file as Record<string, unknown>;
  if (typeof path !== "string" || !isPlainPath(path)) {
    throw new BundleRefused("A file of the bundle has a path that is not allowed.");
  }
  const rule = allowed.find((each) => each.path === path);
  if (!rule) {
    throw new BundleRefused(`This tool's credential has no file ${path}.`);
  }
  if (mode !== MODE) throw new BundleRefused(`${path} asks for a mode that is not allowed.`);
  if (typeof contentB64 !== "string" || typeof sha256 !== "string") {
    throw new BundleRefused(`${path} has no content.`);
  }
  const content = decoded(path, contentB64);
  if (content.length > MAX_FILE_BYTES) throw new BundleRefused(`${path} is too large.`);
  if ((await sha256Of(content)) !== sha256) {
    throw new BundleRefused(`${path} does not match its hash.`);
  }
  if (!holdsOnly(path, rule.fields, content)) {
    throw new BundleRefused(`${path} holds more than a credential.`);
  }
  return { path, content };
}

function parsed(text: string): Record<string, unknown> {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new BundleRefused("The bundle is not JSON.");
  }
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    throw new BundleRefused("The bundle is no JSON object.");
  }
  return data as Record<string, unknown>;
}

function hasExactly(data: object, keys: readonly string[]): boolean {
  const there = Object.keys(data);
  return there.length === keys.length && there.every((key) => keys.includes(key));
}

function isName(word: unknown): word is string {
  return typeof word === "string" && word.length <= LONGEST_NAME;
}

function decoded(path: string, contentB64: string): Uint8Array<ArrayBuffer> {
  if (!BASE64.test(contentB64)) throw new BundleRefused(`${path} is not in base64.`);
  return bytesOf(contentB64);
}

/** Gives the SHA-256 in hex digits. */
export async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
