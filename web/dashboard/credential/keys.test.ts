// @vitest-environment node
import { Encrypter } from "age-encryption";
import { beforeEach, expect, it } from "vitest";
import {
  type Ending,
  forgetOver,
  type KeyRecord,
  type KeyStore,
  makeKey,
  openSealed,
} from "./keys";

class MemoryKeys implements KeyStore {
  readonly records = new Map<string, KeyRecord>();
  async get(recipient: string) {
    return this.records.get(recipient);
  }
  async add(record: KeyRecord) {
    if (this.records.has(record.recipient)) throw new Error("there is one already");
    this.records.set(record.recipient, record);
  }
  async delete(recipient: string) {
    this.records.delete(recipient);
  }
  async all() {
    return [...this.records.values()];
  }
}

let store: MemoryKeys;
beforeEach(() => {
  store = new MemoryKeys();
});

async function sealed(recipient: string, text: string): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return btoa(String.fromCharCode(...(await encrypter.encrypt(text))));
}

it("makes a key that cannot be taken out, and opens what was sealed to it", async () => {
  const recipient = await makeKey(store, 0);
  expect(recipient).toMatch(/^age1[a-z0-9]{58}$/);
  const identity = store.records.get(recipient)?.identity as CryptoKey;
  expect(identity.extractable).toBe(false);
  expect(await openSealed(store, recipient, await sealed(recipient, "hello"))).toBe("hello");
});

it("makes another key for each session", async () => {
  expect(await makeKey(store, 0)).not.toBe(await makeKey(store, 0));
});

it("opens nothing with another session's key", async () => {
  const [mine, other] = [await makeKey(store, 0), await makeKey(store, 0)];
  const text = await sealed(other, "hello");
  await expect(openSealed(store, mine, text)).rejects.toThrow();
  await store.delete(mine);
  await expect(openSealed(store, mine, text)).rejects.toThrow("not in this browser");
});

it("forgets keys that are older than any session", async () => {
  const old = await makeKey(store, 0);
  await makeKey(store, 25 * 3600 * 1000);
  expect(store.records.has(old)).toBe(false);
});

const ending = (status: Ending["status"], state: string, recipient: string): Ending => ({
  status,
  login: { state: state as NonNullable<Ending["login"]>["state"], recipient },
});

it.each<[Ending["status"], string]>([
  ["vm_created", "delivered"],
  ["vm_created", "rejected"],
  ["vm_created", "failed"],
  ["ended", "sealed"],
  ["ended", "waiting_for_you"],
])("forgets the key of a session that is %s, %s", async (status, state) => {
  const [mine, other] = [await makeKey(store, 0), await makeKey(store, 0)];
  await forgetOver(store, [ending(status, state, mine), { status: "ended", login: null }]);
  expect([...store.records.keys()]).toEqual([other]);
});

it.each<[Ending["status"], string]>([
  ["booting", "requested"],
  ["vm_created", "verified"],
  ["ending", "sealed"],
])("keeps the key of a session that is %s, %s", async (status, state) => {
  const mine = await makeKey(store, 0);
  await forgetOver(store, [ending(status, state, mine)]);
  expect([...store.records.keys()]).toEqual([mine]);
});
