// What runs, how well, what changed, and which signals arrive.
import { useState } from "preact/hooks";
import { useAnswer } from "../api/http";
import { services, status, versions, type Red, type RedAnswer, type Version } from "../api/oriel";
import { Spark } from "../charts/spark";
import { format } from "../format";
import { Link } from "../parts/link";
import { Empty, Show } from "../parts/states";
import { range, scope } from "../scope";
import { token } from "../theme";
import { clock, duration, niceStep } from "../time";

type Order = "service" | "requests" | "errors" | "p95";

const ratio = (row: Red) => (row.requests ? row.errors / row.requests : 0);

export function Overview() {
  const { from, to } = range.value;
  const step = niceStep(to - from, 60);
  const answer = useAnswer(`${from} ${to}`, (signal) => services(from, to, step, signal));
  const news = useAnswer(`versions ${from} ${to}`, (signal) => versions(from, to, signal));
  return (
    <div class="page-inner">
      <h1>Overview</h1>
      <Signals />
      <section class="panel" aria-label="Services">
        <header><h2>Services</h2><span class="soft small">from their server and consumer spans</span></header>
        <Show answer={answer}>{(data) => <Services data={data} news={news.data} />}</Show>
      </section>
    </div>
  );
}

function Services({ data, news }: { data: RedAnswer; news?: Map<string, Version[]> }) {
  const [order, setOrder] = useState<Order>("errors");
  const { from, to } = range.value;
  const wanted = scope.value.service;
  const rows = data.rows.filter((row) => !wanted || row.service === wanted);
  if (rows.length === 0) {
    return (
      <Empty title={wanted ? `No spans of ${wanted} in this time` : "No spans in this time"}>
        Send OTLP to port 4318 (HTTP) or 4317 (gRPC), or start <code>oriel demo</code>. A longer range may show more.
      </Empty>
    );
  }
  const by: Record<Order, (a: Red, b: Red) => number> = {
    service: (a, b) => a.service.localeCompare(b.service),
    requests: (a, b) => b.requests - a.requests,
    errors: (a, b) => ratio(b) - ratio(a) || b.p95_ns - a.p95_ns,
    p95: (a, b) => b.p95_ns - a.p95_ns,
  };
  const seconds = (to - from) / 1000;
  const head = (key: Order, text: string, className = "num") => (
    <th class={className} aria-sort={order === key ? "descending" : undefined}><button onClick={() => setOrder(key)}>{text}{order === key ? " ▾" : ""}</button></th>
  );
  return (
    <div style={{ overflowX: "auto" }}>
      <table class="table">
        <thead>
          <tr>{head("service", "Service", "")}{head("requests", "Rate")}<th /> {head("errors", "Errors")}<th />{head("p95", "p95")}<th /><th>Versions</th></tr>
        </thead>
        <tbody>
          {[...rows].sort(by[order]).map((row) => (
            <tr key={row.service}>
              <td><Link to="/service" change={{ service: row.service }}><b>{row.service}</b></Link></td>
              <td class="num">{format(row.requests / seconds, "perSecond")}</td>
              <td><Spark values={row.series.requests} label={`Requests of ${row.service} over time`} /></td>
              <td class={`num ${ratio(row) > 0.05 ? "bad" : ratio(row) > 0.01 ? "warn" : ""}`}>{format(ratio(row), "percent")}</td>
              <td><Spark values={row.series.errors} colour={token("bad")} label={`Errors of ${row.service} over time`} /></td>
              <td class="num">{duration(row.p95_ns)}</td>
              <td><Spark values={row.series.p95_ns} colour={token("warn")} label={`95th percentile of ${row.service} over time`} /></td>
              <td><Versions all={news?.get(row.service) ?? []} from={from} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A version that appeared inside the range is news. */
function Versions({ all, from }: { all: Version[]; from: number }) {
  const news = all.filter((version) => version.first_seen_ms > from + 60_000);
  const latest = [...all].sort((a, b) => b.first_seen_ms - a.first_seen_ms)[0];
  return (
    <span class="row">
      <code>{latest?.version ?? "–"}</code>
      {all.length > 1 && news.map((version) => <span key={version.version} class="tag warn" title="A version change in this time">new {clock(version.first_seen_ms).slice(0, 5)}</span>)}
    </span>
  );
}

function Signals() {
  const { to } = range.value;
  const answer = useAnswer(`status ${Math.floor(to / 5000)}`, (signal) => status(signal));
  const pages: Record<string, string> = { metrics: "/metrics-explorer", logs: "/logs", traces: "/traces", profiles: "/profiles" };
  return (
    <Show answer={answer}>
      {(data) => (
        <section class="grid three" aria-label="Signals">
          {data.signals.map((signal) => (
            <Link key={signal.signal} to={pages[signal.signal] ?? "/status"} class="panel" style={{ padding: 12, color: "inherit" }}>
              <div class="row"><b style={{ textTransform: "capitalize" }}>{signal.signal}</b><span class="grow" /><span class={signal.items_per_second > 0 ? "good" : "soft"}>{signal.items_per_second > 0 ? "arriving" : signal.items ? "quiet" : "none yet"}</span></div>
              <div class="row" style={{ alignItems: "baseline" }}><span style={{ fontSize: 20, fontWeight: 600 }}>{format(signal.items_per_second, "perSecond")}</span><span class="soft small">{format(signal.items)} in all, {format(signal.journal_bytes + signal.block_bytes, "bytes")} on disk</span></div>
            </Link>
          ))}
          <Link to="/status" class="panel" style={{ padding: 12, color: "inherit" }}>
            <div class="row"><b>Oriel</b><span class="grow" /><span class={data.scrubber.corrupt || data.scrubber.gaps ? "bad" : "good"}>{data.scrubber.corrupt || data.scrubber.gaps ? "needs you" : "healthy"}</span></div>
            <div class="row" style={{ alignItems: "baseline" }}><span style={{ fontSize: 20, fontWeight: 600 }}>{format(data.memory.resident_bytes, "bytes")}</span><span class="soft small">of memory, up {duration(data.uptime_ms * 1e6)}</span></div>
          </Link>
        </section>
      )}
    </Show>
  );
}
