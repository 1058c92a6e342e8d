// Where processes spend time and memory: flame graph, table, and the difference between two ranges.
import { useMemo, useState } from "preact/hooks";
import { useAnswer } from "../api/http";
import { profileTypes, render, renderDiff } from "../api/oriel";
import { labelName, quote } from "../api/prometheus";
import { FlameGraph, frames } from "../charts/flame";
import { format, type Unit } from "../format";
import { Empty, Show } from "../parts/states";
import { range, scope, view } from "../scope";

const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";

function words(type: string): string {
  const [name, sample, unit] = type.split(":");
  return `${sample ?? name} (${unit ?? ""})`;
}

const unitOf = (type: string): Unit => (type.includes("nanoseconds") ? "ns" : type.includes("bytes") ? "bytes" : "none");

export function Profiles() {
  const { from, to } = range.value;
  const { service, filters, view: mine } = scope.value;
  const [search, setSearch] = useState("");
  const types = useAnswer(`${from} ${to}`, (signal) => profileTypes(from, to, signal));
  const type = mine.type || (types.data?.includes(CPU) || !types.data?.length ? CPU : types.data[0]);
  const matchers = filters.map((filter) => `${labelName(filter.name.replace(/\./g, "_"))}${filter.negated ? "!=" : "="}${quote(filter.value)}`);
  if (service) matchers.unshift(`service_name=${quote(service)}`);
  if (mine.span) matchers.push(`span_id=${quote(mine.span)}`);
  const query = `${type}{${matchers.join(", ")}}`;
  const compare = mine.compare === "1";
  const half = from + (to - from) / 2;
  const answer = useAnswer(`${query} ${from} ${to} ${compare}`, (signal) => (compare ? renderDiff(query, [from, half], [half, to], signal) : render(query, from, to, signal)));
  return (
    <div class="page-inner">
      <div class="row wrap">
        <h1>Profiles</h1>
        <span class="grow" />
        <select class="input" aria-label="Profile type" value={type} onChange={(event) => view({ type: event.currentTarget.value })}>
          {[...new Set([type, ...(types.data ?? [])])].map((option) => <option key={option} value={option}>{words(option)}</option>)}
        </select>
        <button class="button" aria-pressed={compare} onClick={() => view({ compare: compare ? "" : "1" })} title="The second half of the range against the first">Compare halves</button>
        <input class="input" placeholder="Find a function" aria-label="Find a function" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
      </div>
      {mine.span && <div class="row"><span class="chip">span {mine.span}<button aria-label="All spans" onClick={() => view({ span: "" })}>×</button></span></div>}
      {compare && <div class="soft small"><span class="bad">■</span> grew in the second half, <span class="good">■</span> shrank</div>}
      <Show answer={answer}>
        {(flame) => flame.flamebearer.numTicks === 0 ? (
          <section class="panel"><Empty title="No profiles in this time">Send pprof to <code>/pyroscope/ingest</code> or OTLP profiles to <code>/v1development/profiles</code>. A wider range or fewer filters may show more.</Empty></section>
        ) : (
          <>
            <section class="panel" aria-label="Flame graph"><div class="body"><FlameGraph flame={flame} unit={unitOf(type)} search={search} /></div></section>
            <Table flame={flame} unit={unitOf(type)} search={search} />
          </>
        )}
      </Show>
    </div>
  );
}

function Table({ flame, unit, search }: { flame: Parameters<typeof frames>[0]; unit: Unit; search: string }) {
  const all = flame.flamebearer.numTicks || 1;
  const rows = useMemo(() => {
    const sums = new Map<string, { self: number; total: number }>();
    for (const frame of frames(flame)) {
      const sum = sums.get(frame.name) ?? { self: 0, total: 0 };
      sum.self += frame.self;
      sum.total = Math.max(sum.total, frame.total);
      sums.set(frame.name, sum);
    }
    return [...sums].sort((a, b) => b[1].self - a[1].self);
  }, [flame]);
  return (
    <section class="panel" aria-label="Functions">
      <header><h2>Functions</h2><span class="soft small">by what they spend themselves</span></header>
      <table class="table">
        <thead><tr><th>Function</th><th class="num">Self</th><th class="num">Share</th><th class="num">Largest total</th></tr></thead>
        <tbody>
          {rows.filter(([name]) => name.toLowerCase().includes(search.toLowerCase())).slice(0, 60).map(([name, { self, total }]) => (
            <tr key={name}><td class="mono" style={{ overflowWrap: "anywhere" }}>{name}</td><td class="num">{format(self, unit)}</td><td class="num">{format(self / all, "percent")}</td><td class="num">{format(total, unit)}</td></tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
