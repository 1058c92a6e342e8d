// Log lines: a histogram by level on top, a table that only draws what is in sight, fields with counts, and the detail of one line.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Refused, useAnswer } from "../api/http";
import { logQuery, queryLogs, volumeRange, type LogEntry } from "../api/loki";
import { TimeChart, type Line } from "../charts/time-chart";
import { format } from "../format";
import { Link } from "../parts/link";
import { momentItems } from "../parts/links";
import { Pairs } from "../parts/pairs";
import { Empty, Show, Trouble } from "../parts/states";
import { addFilter, range, scope, view } from "../scope";
import { token } from "../theme";
import { clockMilli, full, niceStep } from "../time";

const PAGE = 1000;
const ROW = 20;
const ns = (ms: number) => BigInt(Math.round(ms)) * 1_000_000n;

function matchers(): [string, string, string][] {
  const { service, environment, filters } = scope.value;
  const list = filters.map((filter): [string, string, string] => [filter.name, filter.negated ? "!=" : "=", filter.value]);
  if (service) list.unshift(["service_name", "=", service]);
  if (environment) list.push(["deployment_environment_name", "=", environment]);
  return list;
}

export function Logs() {
  const { from, to } = range.value;
  const mine = scope.value.view;
  const query = mine.q || logQuery(matchers(), mine.text ?? "");
  return (
    <div class="page-fill">
      <div class="row wrap">
        <h1>Logs</h1>
        <input class="input grow" placeholder="Find in lines" aria-label="Find in lines" value={mine.text ?? ""} onChange={(event) => view({ text: event.currentTarget.value, q: "" })} />
      </div>
      <input class="input mono" aria-label="LogQL query" title="The query behind this page; edit it to ask more" value={query} onChange={(event) => view({ q: event.currentTarget.value })} />
      <Histogram query={query} from={from} to={to} />
      <Lines query={query} from={from} to={to} />
    </div>
  );
}

const LEVELS: [RegExp, string][] = [[/error|fatal|critical/, "bad"], [/warn/, "warn"], [/info/, "accent"]];
const levelToken = (level: string) => LEVELS.find(([pattern]) => pattern.test(level))?.[1] ?? "line-strong";

function Histogram({ query, from, to }: { query: string; from: number; to: number }) {
  const step = niceStep(to - from, 90);
  const plain = query.replace(/\}.*$/s, "}");
  const answer = useAnswer(`${plain} ${from} ${to}`, (signal) => volumeRange(plain, from, to, step, "detected_level", signal));
  return (
    <section class="panel" aria-label="Lines over time">
      <Show answer={answer}>
        {(volumes) => {
          const start = Math.floor(from / step) * step;
          const times = Array.from({ length: Math.ceil((to - start) / step) }, (_, place) => start + place * step);
          const lines: Line[] = volumes.map((volume) => {
            const values = new Map(volume.values.map(([time, value]) => [Math.floor((time * 1000) / step) * step, Number(value)]));
            const level = volume.metric.detected_level || "unknown";
            return { name: level, colour: token(levelToken(level)), bars: true, values: times.map((time) => values.get(time) ?? 0) };
          });
          if (lines.length === 0) return null;
          return <div style={{ padding: "2px 8px" }}><TimeChart title="Volume by level" height={92} times={times} lines={lines} unit="bytes" legend={lines.length > 1} menu={(start, end) => momentItems(start, end)} /></div>;
        }}
      </Show>
    </section>
  );
}

/** Lines, newest first; more are fetched when the end comes into sight. */
function usePages(query: string, from: number, to: number) {
  const [pages, setPages] = useState<{ key: string; entries: LogEntry[]; done: boolean; error?: Error; loading: boolean }>({ key: "", entries: [], done: false, loading: true });
  const key = `${query} ${from} ${to}`;
  const busy = useRef(false);
  const load = (before: LogEntry[], end: bigint, signal?: AbortSignal) => {
    busy.current = true;
    return queryLogs(query, ns(from), end, PAGE, false, signal).then(
      (entries) => setPages({ key, entries: [...before, ...entries], done: entries.length < PAGE, loading: false }),
      (error: Error) => error.name !== "AbortError" && setPages((have) => ({ ...have, error, loading: false })),
    ).finally(() => (busy.current = false));
  };
  useEffect(() => {
    const controller = new AbortController();
    setPages((have) => ({ ...have, error: undefined, loading: true }));
    void load([], ns(to), controller.signal);
    return () => controller.abort();
  }, [key]);
  const more = () => {
    if (busy.current || pages.done || pages.key !== key || !pages.entries.length) return;
    void load(pages.entries, pages.entries[pages.entries.length - 1].ns);
  };
  return { ...pages, more };
}

function Lines({ query, from, to }: { query: string; from: number; to: number }) {
  const { entries, done, error, loading, more } = usePages(query, from, to);
  const [selected, setSelected] = useState<LogEntry | null>(null);
  const at = scope.value.view.at;
  useEffect(() => {
    const found = at ? entries.find((entry) => String(entry.ns) === at) : undefined;
    if (found) setSelected(found);
  }, [entries, at]);
  if (error) return <section class="panel"><Trouble error={error instanceof Refused ? error : new Error(error.message)} /></section>;
  return (
    <div class="split">
      <Fields entries={entries} />
      <section class="panel grow" style={{ display: "flex", flexDirection: "column", minHeight: 0 }} aria-label="Lines">
        {loading && <div class="busy" role="progressbar" aria-label="Loading" />}
        {!loading && entries.length === 0 ? <Empty title="No lines match">A longer time range, another text or fewer filters may find some.</Empty> : <Table entries={entries} selected={selected} onSelect={setSelected} more={more} />}
        <div class="soft small" style={{ padding: "2px 12px" }}>{format(entries.length)} lines{done ? ", all of them" : "; scroll for more"}</div>
      </section>
      {selected && <Detail entry={selected} onClose={() => setSelected(null)} />}
    </div>
  );
}

function Table({ entries, selected, onSelect, more }: { entries: LogEntry[]; selected: LogEntry | null; onSelect: (entry: LogEntry) => void; more: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  useEffect(() => {
    const element = box.current!;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(top / ROW) - 10);
  const last = Math.min(entries.length, Math.ceil((top + height) / ROW) + 10);
  const place = selected ? entries.indexOf(selected) : -1;
  useEffect(() => {
    if (place >= 0 && (place * ROW < box.current!.scrollTop || place * ROW > box.current!.scrollTop + height - ROW)) box.current!.scrollTop = Math.max(0, place * ROW - height / 2);
  }, [place]);
  const scroll = (event: Event) => {
    const element = event.currentTarget as HTMLDivElement;
    setTop(element.scrollTop);
    if (element.scrollTop + element.clientHeight > element.scrollHeight - 40 * ROW) more();
  };
  const keys = (event: KeyboardEvent) => {
    const next = event.key === "ArrowDown" ? place + 1 : event.key === "ArrowUp" ? place - 1 : -1;
    if (next < 0 || next >= entries.length) return;
    event.preventDefault();
    onSelect(entries[next]);
  };
  const several = new Set(entries.slice(0, 200).map((entry) => entry.fields.service_name)).size > 1;
  return (
    <div ref={box} class="lines" tabIndex={0} role="listbox" aria-label="Log lines, newest first" onScroll={scroll} onKeyDown={keys}>
      <div style={{ height: entries.length * ROW, position: "relative" }}>
        {entries.slice(first, last).map((entry, offset) => {
          const level = entry.fields.detected_level ?? entry.fields.level ?? "";
          return (
            <div key={first + offset} class={`line ${/error|fatal|critical/.test(level) ? "error" : /warn/.test(level) ? "warn" : ""}`} role="option" aria-selected={entry === selected} style={{ top: (first + offset) * ROW }} onClick={() => onSelect(entry)}>
              <span class="when">{clockMilli(entry.ms)}</span>
              {several && <span class="who">{entry.fields.service_name}</span>}
              <span class="what">{plain(entry.line)}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** One row's worth of a line: control characters made visible, length bounded. */
function plain(line: string): string {
  return line.slice(0, 1000).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => (c === "\n" ? " ⏎ " : c === "\t" ? "  " : "·"));
}

function Fields({ entries }: { entries: LogEntry[] }) {
  const fields = useMemo(() => {
    const counts = new Map<string, Map<string, number>>();
    for (const entry of entries.slice(0, 5000)) {
      for (const [name, value] of Object.entries(entry.fields)) {
        const values = counts.get(name) ?? new Map<string, number>();
        values.set(value, (values.get(value) ?? 0) + 1);
        counts.set(name, values);
      }
    }
    return [...counts].filter(([name]) => !/^(trace_id|span_id|observed_timestamp|flags)$/.test(name)).sort((a, b) => a[0].localeCompare(b[0]));
  }, [entries]);
  return (
    <section class="panel fields" aria-label="Fields">
      <header><h2>Fields</h2><span class="soft small">in these lines</span></header>
      <div style={{ padding: "4px 8px" }}>
        {fields.map(([name, values]) => (
          <details key={name} open={name === "detected_level" || name === "service_name"}>
            <summary class="small ellipsis">{name} <span class="soft">{values.size}</span></summary>
            {[...values].sort((a, b) => b[1] - a[1]).slice(0, 8).map(([value, count]) => (
              <button key={value} class="option row small" title={`Filter by ${name} = ${value.slice(0, 200)}`} onClick={() => addFilter(name, value)}><span class="grow ellipsis">{value.slice(0, 80) || "(empty)"}</span><span class="soft">{count}</span></button>
            ))}
          </details>
        ))}
      </div>
    </section>
  );
}

const AROUND_MS = 30_000;

function Detail({ entry, onClose }: { entry: LogEntry; onClose: () => void }) {
  const { trace_id: traceId, span_id: spanId, service_name: service } = entry.fields;
  const around = { from: String(entry.ms - AROUND_MS), to: String(entry.ms + AROUND_MS), live: false, filters: [], service: service ?? "", view: { at: String(entry.ns) } };
  return (
    <aside class="panel side" aria-label="Line">
      <header><span class="mono small">{full(entry.ms)}</span><span class="grow" /><button class="button quiet" aria-label="Close" onClick={onClose}>×</button></header>
      <div class="body column">
        <div class="row wrap">
          {traceId && <Link class="button primary" to="/trace" change={{ trace: traceId, view: spanId ? { span: spanId } : {} }}>Open trace</Link>}
          <Link class="button" to="/logs" change={around}>Lines around</Link>
          {service && <Link class="button" to="/service" change={{ service }}>{service}</Link>}
        </div>
        <pre class="text">{entry.line.slice(0, 200_000)}</pre>
        {entry.line.length > 200_000 && <div class="soft small">The first 200,000 of {format(entry.line.length)} characters</div>}
        <Pairs pairs={Object.entries(entry.fields)} />
      </div>
    </aside>
  );
}
