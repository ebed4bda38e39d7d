import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Watch, type Watched } from "./watch";

let said: boolean[];
let watch: Watch;

/** A connection that answers pings, as long as `answers` is true. */
class Connection implements Watched {
  heardMs = performance.now();
  answers = true;
  packets = 1;

  ping(): void {
    if (this.answers) this.heardMs = performance.now();
  }

  async received(): Promise<number> {
    return this.packets;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
});
afterEach(() => {
  watch.close();
  vi.useRealTimers();
});

function watching(of: () => Watched | null): void {
  watch = new Watch(of, (quiet) => said.push(quiet));
}

describe("a connection that is watched", () => {
  it("and answers is said nothing of", async () => {
    const connection = new Connection();
    watching(() => connection);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(said).toEqual([]);
  });

  it("is quiet when nothing was heard for two seconds, and well when it answers again", async () => {
    const connection = new Connection();
    watching(() => connection);
    await vi.advanceTimersByTimeAsync(3_000);
    connection.answers = false;
    await vi.advanceTimersByTimeAsync(3_000);
    expect(said).toEqual([true]);
    connection.answers = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(said).toEqual([true, false]);
  });

  it("is well while packets come, though no ping is answered", async () => {
    const connection = new Connection();
    connection.answers = false;
    const packets = setInterval(() => {
      connection.packets += 1;
    }, 100);
    watching(() => connection);
    await vi.advanceTimersByTimeAsync(10_000);
    clearInterval(packets);
    expect(said).toEqual([]);
  });

  it("is asked first after sleep, in which nothing could be heard", async () => {
    const connection = new Connection();
    watching(() => connection);
    await vi.advanceTimersByTimeAsync(2_000);
    // Timers did not run, the wall clock did.
    vi.setSystemTime(Date.now() + 3_600_000);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(said).toEqual([]);
  });

  it("that took the place of another has its own time", async () => {
    const [first, second] = [new Connection(), new Connection()];
    first.answers = false;
    let shown = first;
    watching(() => shown);
    await vi.advanceTimersByTimeAsync(3_000);
    shown = second;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(said).toEqual([true]);
  });
});
