// Find anything by typing: pages, services, metrics, a trace id.
import { useEffect, useMemo, useState } from "preact/hooks";
import { useAnswer } from "../api/http";
import { labelValues } from "../api/prometheus";
import { labelValues as logLabelValues } from "../api/loki";
import { PLACES } from "../app";
import { go, range, type Scope } from "../scope";
import { Dialog } from "./dialog";

interface Option {
  text: string;
  hint: string;
  path: string;
  change?: Partial<Scope>;
}

const SHOWN_MAX = 12;

export function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const { from, to } = range.value;
  const services = useAnswer("services", (signal) => logLabelValues("service_name", from, to, signal));
  const metrics = useAnswer("metrics", (signal) => labelValues("__name__", from, to, [], signal));
  const options = useMemo(() => find(text.trim(), services.data ?? [], metrics.data ?? []), [text, services.data, metrics.data]);
  useEffect(() => setAt(0), [text]);
  const open = (option: Option | undefined) => {
    if (!option) return;
    onClose();
    go(option.path, option.change ?? {});
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt((at + 1) % Math.max(1, options.length));
    else if (event.key === "ArrowUp") setAt((at - 1 + options.length) % Math.max(1, options.length));
    else if (event.key === "Enter") open(options[at]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog label="Find" onClose={onClose}>
      <div style={{ padding: 8 }} onKeyDown={keys}>
        <input class="input" style={{ width: "100%" }} role="combobox" aria-expanded="true" aria-controls="found" aria-activedescendant={`found-${at}`} placeholder="A page, a service, a metric, a trace id" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <div id="found" role="listbox" style={{ marginTop: 6 }}>
          {options.map((option, place) => (
            <div key={`${option.path}${option.text}`} id={`found-${place}`} class="option row" role="option" aria-selected={place === at} onMouseDown={() => open(option)}>
              <span class="grow ellipsis">{option.text}</span>
              <span class="soft small">{option.hint}</span>
            </div>
          ))}
          {options.length === 0 && <div class="state">Nothing by that name</div>}
        </div>
      </div>
    </Dialog>
  );
}

function find(text: string, services: string[], metrics: string[]): Option[] {
  const id = text.toLowerCase();
  if (/^[0-9a-f]{16,32}$/.test(id)) return [{ text: `Trace ${id}`, hint: "trace", path: "/trace", change: { trace: id } }];
  const all: Option[] = [
    ...PLACES.map((place) => ({ text: place.name, hint: "page", path: place.path })),
    ...services.map((name) => ({ text: name, hint: "service", path: "/service", change: { service: name } })),
    ...metrics.map((name) => ({ text: name, hint: "metric", path: "/metrics-explorer", change: { view: { metric: name } } })),
  ];
  const words = id.split(/\s+/);
  return all.filter((option) => words.every((word) => option.text.toLowerCase().includes(word))).slice(0, SHOWN_MAX);
}
