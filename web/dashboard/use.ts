/** Data from the API in components. */

import { useCallback, useEffect, useState } from "react";
import { Problem } from "./api";

export interface Loaded<T> {
  data: T | null;
  problem: Problem | null;
  reload: () => void;
}

/** Loads once, again by `reload`, and every `everyMs` while the page is seen. */
export function useLoaded<T>(load: () => Promise<T>, everyMs = 0): Loaded<T> {
  const [data, setData] = useState<T | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const reload = useCallback(() => {
    load().then(
      (loaded) => {
        setData(loaded);
        setProblem(null);
      },
      (error: unknown) => setProblem(problemOf(error)),
    );
  }, [load]);
  useEffect(() => {
    reload();
    if (everyMs === 0) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") reload();
    }, everyMs);
    return () => clearInterval(timer);
  }, [reload, everyMs]);
  return { data, problem, reload };
}

/** Runs what a button does: busy meanwhile, the problem afterwards. */
export function useAction(): {
  busy: boolean;
  problem: Problem | null;
  run: (work: () => Promise<void>) => void;
} {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = useCallback((work: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    work()
      .catch((error: unknown) => setProblem(problemOf(error)))
      .finally(() => setBusy(false));
  }, []);
  return { busy, problem, run };
}

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const words = error instanceof Error ? error.message : String(error);
  return new Problem(0, "page", words, "");
}
