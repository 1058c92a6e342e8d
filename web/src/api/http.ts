// Asking the server: one way to fetch, one kind of error, and a hook that keeps what was there while the new is on its way.
import { useEffect, useRef, useState } from "preact/hooks";

/** What went wrong, in the server's own words where it had some. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export async function ask<T>(url: string, signal?: AbortSignal, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, signal });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new Refused(0, "The server cannot be reached. Is oriel running?");
  }
  const text = await response.text();
  if (!response.ok) throw new Refused(response.status, reason(text) || `The server answered ${response.status}.`);
  return (text ? JSON.parse(text) : null) as T;
}

/** The sentence in an error body of any of our APIs. */
function reason(text: string): string {
  try {
    const body = JSON.parse(text);
    return body.error?.message ?? body.error ?? body.message ?? body.errors?.[0]?.msg ?? text;
  } catch {
    return text.slice(0, 2000);
  }
}

export interface Answer<T> {
  data?: T;
  error?: Error;
  loading: boolean;
}

/** Asks again whenever `key` changes; an empty key asks nothing. The last good answer stays until the next. */
export function useAnswer<T>(key: string, fetcher: (signal: AbortSignal) => Promise<T>): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ loading: key !== "" });
  const latest = useRef(fetcher);
  latest.current = fetcher;
  useEffect(() => {
    if (!key) {
      setAnswer({ loading: false });
      return;
    }
    const controller = new AbortController();
    setAnswer((before) => ({ ...before, loading: true }));
    latest.current(controller.signal).then(
      (data) => !controller.signal.aborted && setAnswer({ data, loading: false }),
      (error: Error) => !controller.signal.aborted && setAnswer({ error, loading: false }),
    );
    return () => controller.abort();
  }, [key]);
  return answer;
}
