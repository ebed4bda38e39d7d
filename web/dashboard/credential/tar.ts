/** Writes a tar archive (POSIX.1-1988 ustar) of a few small files. */

export interface TarFile {
  path: string;
  content: Uint8Array;
}

const BLOCK = 512;
const MODE = 0o600;
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;

/** Gives the archive. Every file has mode 600; `atS` is their time, in seconds since the epoch. */
export function tar(files: readonly TarFile[], atS: number): Uint8Array<ArrayBuffer> {
  const parts = files.flatMap(({ path, content }) => [
    header(path, content.length, atS),
    content,
    new Uint8Array((BLOCK - (content.length % BLOCK)) % BLOCK),
  ]);
  parts.push(new Uint8Array(2 * BLOCK));
  const archive = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    archive.set(part, at);
    at += part.length;
  }
  return archive;
}

function header(path: string, size: number, atS: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const { prefix, name } = splitPath(path);
  const put = (text: string, at: number) => block.set(new TextEncoder().encode(text), at);
  put(name, 0);
  put(octal(MODE, 7), 100);
  put(octal(0, 7), 108);
  put(octal(0, 7), 116);
  put(octal(size, 11), 124);
  put(octal(Math.floor(atS), 11), 136);
  // The sum is made with blanks in its own place.
  put("        ", 148);
  put("0", 156);
  put("ustar\u000000", 257);
  put(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 6)}\u0000 `, 148);
  return block;
}

function splitPath(path: string): { prefix: string; name: string } {
  const length = (text: string) => new TextEncoder().encode(text).length;
  if (length(path) <= NAME_BYTES) return { prefix: "", name: path };
  for (let at = path.indexOf("/"); at > 0; at = path.indexOf("/", at + 1)) {
    const [prefix, name] = [path.slice(0, at), path.slice(at + 1)];
    if (length(prefix) <= PREFIX_BYTES && length(name) <= NAME_BYTES) return { prefix, name };
  }
  throw new Error(`The path is too long for a tar archive: ${path}`);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
