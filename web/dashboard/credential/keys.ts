/**
 * The page's own key for one session: an age X25519 identity that the browser does not give out,
 * kept under its recipient, so that a key can never stand in for another.
 */

import { Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import type { Session } from "../api";
import { bytesOf } from "./base64";

/** Text only in a browser whose Web Crypto has no X25519. */
export type Identity = CryptoKey | string;

export interface KeyRecord {
  recipient: string;
  identity: Identity;
  createdAtMs: number;
}

/** Where keys are kept. In the page: IndexedDB. */
export interface KeyStore {
  get(recipient: string): Promise<KeyRecord | undefined>;
  /** Refuses a second key under the same recipient. */
  add(record: KeyRecord): Promise<void>;
  delete(recipient: string): Promise<void>;
  all(): Promise<KeyRecord[]>;
}

/** A session lasts four hours at most; a key that is older than a day is of no use. */
const OLDEST_MS = 24 * 3600 * 1000;

/** What of a session says whether its key can still open anything. */
export type Ending = Pick<Session, "status"> & {
  login: Pick<NonNullable<Session["login"]>, "state" | "recipient"> | null;
};

/** Whether no credential of this session will be opened any more. */
export function isOver({ status, login }: Ending): boolean {
  const state = login?.state;
  return status === "ended" || state === "delivered" || state === "rejected" || state === "failed";
}

/** Deletes the keys of sessions that are over. */
export async function forgetOver(store: KeyStore, sessions: readonly Ending[]): Promise<void> {
  for (const session of sessions) {
    const recipient = session.login?.recipient;
    if (recipient && isOver(session)) await store.delete(recipient);
  }
}

/** Deletes keys that are older than any session. */
export async function forgetOld(store: KeyStore, nowMs: number): Promise<void> {
  for (const record of await store.all()) {
    if (nowMs - record.createdAtMs > OLDEST_MS) await store.delete(record.recipient);
  }
}

/** Makes a key and keeps it; gives its recipient (age1...). */
export async function makeKey(store: KeyStore, nowMs: number): Promise<string> {
  await forgetOld(store, nowMs);
  const identity = await generate();
  const recipient = await identityToRecipient(identity);
  await store.add({ recipient, identity, createdAtMs: nowMs });
  return recipient;
}

/** Opens an age file (in base64) with the key of `recipient`. Throws when this page has none. */
export async function openSealed(
  store: KeyStore,
  recipient: string,
  sealedB64: string,
): Promise<string> {
  const record = await store.get(recipient);
  if (!record) throw new Error("The key of this session is not in this browser.");
  const decrypter = new Decrypter();
  decrypter.addIdentity(record.identity);
  return decrypter.decrypt(bytesOf(sealedB64), "text");
}

async function generate(): Promise<Identity> {
  try {
    const pair = await crypto.subtle.generateKey({ name: "X25519" }, false, ["deriveBits"]);
    return (pair as CryptoKeyPair).privateKey;
  } catch {
    return generateX25519Identity();
  }
}

const DATABASE = "fanlight";
const STORE = "recipient-keys";

/** Keys in IndexedDB: they survive a reload, and a CryptoKey stays closed there. */
export class BrowserKeys implements KeyStore {
  get(recipient: string): Promise<KeyRecord | undefined> {
    return this.run("readonly", (store) => store.get(recipient));
  }

  async add(record: KeyRecord): Promise<void> {
    await this.run("readwrite", (store) => store.add(record));
  }

  async delete(recipient: string): Promise<void> {
    await this.run("readwrite", (store) => store.delete(recipient));
  }

  all(): Promise<KeyRecord[]> {
    return this.run("readonly", (store) => store.getAll());
  }

  private async run<T>(
    mode: IDBTransactionMode,
    work: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> {
    const database = await opened();
    try {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      await new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
        transaction.onerror = () => reject(transaction.error);
      });
      return request.result;
    } finally {
      database.close();
    }
  }
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(STORE, { keyPath: "recipient" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
