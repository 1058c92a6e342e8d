// The scope, visible and editable on every page: service, environment, filters, time, live, share.
import { useState } from "preact/hooks";
import { useAnswer } from "../api/http";
import { labelValues } from "../api/loki";
import { addFilter, change, dropFilter, range, scope, tick } from "../scope";
import { dateTime, parseMoment } from "../time";

const RANGES: [string, string][] = [["now-5m", "5 min"], ["now-15m", "15 min"], ["now-1h", "1 hour"], ["now-3h", "3 hours"], ["now-6h", "6 hours"], ["now-24h", "24 hours"], ["now-7d", "7 days"], ["now-30d", "30 days"]];

export function ScopeBar({ openPalette }: { openPalette: () => void }) {
  const { service, environment, filters, live, trace } = scope.value;
  const { from, to } = range.value;
  const slot = Math.floor(to / 60_000);
  const services = useAnswer(`services ${slot}`, (signal) => labelValues("service_name", from, to, signal));
  const environments = useAnswer(`environments ${slot}`, (signal) => labelValues("deployment_environment_name", from, to, signal));
  const [copied, setCopied] = useState(false);
  const share = () => {
    const url = new URL(location.href);
    url.searchParams.set("from", String(from));
    url.searchParams.set("to", String(to));
    url.searchParams.delete("live");
    void navigator.clipboard?.writeText(url.toString()).then(() => setCopied(true));
  };
  return (
    <div class="bar" role="region" aria-label="Scope">
      <Choice label="Service" value={service} all={services.data ?? []} every="all services" onPick={(value) => change({ service: value })} />
      {(environments.data ?? []).length > 1 && <Choice label="Environment" value={environment} all={environments.data!} every="all environments" onPick={(value) => change({ environment: value })} />}
      {filters.map((filter) => (
        <span class="chip" key={`${filter.name}${filter.negated}${filter.value}`}>
          <span class="ellipsis" title={`${filter.name} ${filter.negated ? "is not" : "is"} ${filter.value}`}>{filter.name} {filter.negated ? "≠" : "="} {filter.value}</span>
          <button aria-label={`Remove the filter on ${filter.name}`} onClick={() => dropFilter(filter)}>×</button>
        </span>
      ))}
      {trace && (
        <span class="chip">
          trace {trace.slice(0, 8)}
          <button aria-label="Forget the trace" onClick={() => change({ trace: "" })}>×</button>
        </span>
      )}
      <FilterInput />
      <span class="grow" />
      <TimeRange />
      <button class="button" aria-pressed={live} onClick={() => change({ live: !live, to: "now" })} title="Follow the newest (v)">Live</button>
      <button class="button" onClick={() => (tick.value = Date.now())} title="Ask again (r)" aria-label="Ask again">↻</button>
      <button class="button" onClick={share} title="Copy a link to exactly this">{copied ? "Copied" : "Share"}</button>
      <button class="button" onClick={openPalette} title="Find (Ctrl K)">Find <kbd>Ctrl K</kbd></button>
    </div>
  );
}

function Choice({ label, value, all, every, onPick }: { label: string; value: string; all: string[]; every: string; onPick: (value: string) => void }) {
  const options = value && !all.includes(value) ? [value, ...all] : all;
  return (
    <select class="input" aria-label={label} value={value} onChange={(event) => onPick(event.currentTarget.value)}>
      <option value="">{every}</option>
      {options.map((option) => <option key={option} value={option}>{option}</option>)}
    </select>
  );
}

function FilterInput() {
  const [text, setText] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    const found = /^\s*([^=!\s]+)\s*(!=|=)\s*"?(.*?)"?\s*$/.exec(text);
    if (!found) return;
    addFilter(found[1], found[3], found[2] === "!=");
    setText("");
  };
  return (
    <form onSubmit={submit}>
      <input class="input" style={{ width: 150 }} aria-label="Add a filter: name=value or name!=value" placeholder="+ name=value" value={text} onInput={(event) => setText(event.currentTarget.value)} />
    </form>
  );
}

function TimeRange() {
  const [open, setOpen] = useState(false);
  const { from, to } = scope.value;
  const known = to === "now" ? RANGES.find(([start]) => start === from) : undefined;
  const shown = known ? `last ${known[1]}` : `${dateTime(range.value.from)} – ${to === "now" ? "now" : dateTime(range.value.to)}`;
  return (
    <div style={{ position: "relative" }}>
      <button class="button" aria-haspopup="dialog" aria-expanded={open} onClick={() => setOpen(!open)}>{shown}</button>
      {open && <RangeDialog onClose={() => setOpen(false)} />}
    </div>
  );
}

function RangeDialog({ onClose }: { onClose: () => void }) {
  const [start, setStart] = useState(dateTime(range.value.from));
  const [end, setEnd] = useState(scope.value.to === "now" ? "now" : dateTime(range.value.to));
  const [wrong, setWrong] = useState("");
  const apply = (event: Event) => {
    event.preventDefault();
    const now = Date.now();
    const [first, last] = [parseMoment(start, now), parseMoment(end, now)];
    if (first === null || last === null) return setWrong("Want now, now-15m, or a date like 2026-05-01 14:30");
    if (first >= last) return setWrong("The start must be before the end");
    const keep = (text: string, ms: number) => (text.startsWith("now") ? text : String(ms));
    change({ from: keep(start, first), to: keep(end, last) });
    onClose();
  };
  return (
    <div class="menu" role="dialog" aria-label="Time range" style={{ position: "absolute", right: 0, top: 34, width: 280 }} onKeyDown={(event) => event.key === "Escape" && onClose()}>
      <div class="row wrap" style={{ padding: 4 }}>
        {RANGES.map(([from, name]) => (
          <button key={from} class="button" style={{ width: "auto", display: "inline-block", borderColor: "var(--line)" }} onClick={() => { change({ from, to: "now" }); tick.value = Date.now(); onClose(); }}>{name}</button>
        ))}
      </div>
      <form onSubmit={apply} class="column" style={{ padding: 8 }}>
        <label class="small">From <input class="input" style={{ width: "100%" }} value={start} onInput={(event) => setStart(event.currentTarget.value)} /></label>
        <label class="small">To <input class="input" style={{ width: "100%" }} value={end} onInput={(event) => setEnd(event.currentTarget.value)} /></label>
        {wrong && <div class="bad small" role="alert">{wrong}</div>}
        <button class="button primary" type="submit" style={{ textAlign: "center" }}>Show</button>
      </form>
    </div>
  );
}
