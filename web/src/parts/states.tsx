// Waiting, nothing, and trouble: each says what it is and what to do.
import type { ComponentChildren } from "preact";
import type { Answer } from "../api/http";
import { tick } from "../scope";

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="state" role="status">
      <b>{title}</b>
      {children && <div>{children}</div>}
    </div>
  );
}

export function Trouble({ error }: { error: Error }) {
  return (
    <div class="state error" role="alert">
      <b>This could not be shown</b>
      <pre>{error.message}</pre>
      <button class="button" onClick={() => (tick.value = Date.now())}>Try again</button>
    </div>
  );
}

/** Shows an answer in whichever state it is; what was there stays while the new is on its way. */
export function Show<T>({ answer, children }: { answer: Answer<T>; children: (data: T) => ComponentChildren }) {
  return (
    <>
      {answer.loading ? <div class="busy" role="progressbar" aria-label="Loading" /> : <div style={{ height: 2 }} />}
      {answer.error ? <Trouble error={answer.error} /> : answer.data !== undefined ? children(answer.data) : <div class="state" aria-hidden="true">&nbsp;</div>}
    </>
  );
}
