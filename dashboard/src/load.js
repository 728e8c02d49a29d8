// SPDX-License-Identifier: Apache-2.0
import { useCallback, useEffect, useState } from "preact/hooks";

/**
 * Runs `start(signal)` whenever `deps` change and gives {data, error, busy,
 * reload}. While the next answer is on its way the last one stays visible;
 * an answer that is no longer wanted is cancelled and dropped.
 */
export function useLoad(start, deps) {
  const [state, setState] = useState({ busy: true });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    setState((old) => ({ data: old.data, busy: true }));
    start(stop.signal).then(
      (data) => { if (!stop.signal.aborted) setState({ data, busy: false }); },
      (error) => {
        if (!stop.signal.aborted) setState({ error, busy: false });
      });
    return () => stop.abort();
  }, [...deps, turn]);
  const reload = useCallback(() => setTurn((n) => n + 1), []);
  return { ...state, reload };
}
