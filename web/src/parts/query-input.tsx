// Where PromQL is typed. A plain field at first; the editor with completion comes when somebody wants to type.
import { useEffect, useRef, useState } from "preact/hooks";
import { theme } from "../theme";

interface Editor {
  set(text: string): void;
  destroy(): void;
}

export function QueryInput({ value, onRun }: { value: string; onRun: (text: string) => void }) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const [wanted, setWanted] = useState(false);
  const [ready, setReady] = useState(false);
  const run = useRef(onRun);
  run.current = onRun;
  useEffect(() => {
    if (!wanted || !host.current) return;
    let gone = false;
    void import("./promql-editor").then(({ openEditor }) => {
      if (gone || !host.current) return;
      editor.current = openEditor(host.current, value, theme.value === "dark", (text) => run.current(text));
      setReady(true);
    });
    return () => {
      gone = true;
      editor.current?.destroy();
      editor.current = null;
      setReady(false);
    };
  }, [wanted, theme.value]);
  useEffect(() => editor.current?.set(value), [value]);
  return (
    <div>
      <div ref={host} />
      {!ready && <input class="input mono" style={{ width: "100%" }} placeholder="PromQL, Enter runs it" aria-label="PromQL query" value={value} onFocus={() => setWanted(true)} onChange={(event) => onRun(event.currentTarget.value)} />}
    </div>
  );
}
