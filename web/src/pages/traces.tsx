// Finding traces: by service, operation, status and duration; dots over time; a list, newest first.
import { useAnswer } from "../api/http";
import { search, type Found } from "../api/tempo";
import { Scatter } from "../charts/scatter";
import { Link } from "../parts/link";
import { Empty, Show } from "../parts/states";
import { go, range, scope, view } from "../scope";
import { dateTime, duration } from "../time";

const LIMIT = 200;

const startMs = (trace: Found) => Number(BigInt(trace.startTimeUnixNano) / 1_000_000n);
const failed = (trace: Found) => Object.values(trace.serviceStats ?? {}).some((stats) => (stats.errorCount ?? 0) > 0);

export function Traces() {
  const { from, to } = range.value;
  const { service, environment, filters, view: mine } = scope.value;
  const tags = filters.filter((filter) => !filter.negated).map((filter): [string, string] => [filter.name, filter.value]);
  if (environment) tags.push(["deployment.environment.name", environment]);
  const params = { service, name: mine.name, status: mine.status, minDuration: mine.min, maxDuration: mine.max, tags, from, to, limit: LIMIT };
  const answer = useAnswer(JSON.stringify(params), (signal) => search(params, signal));
  const dropped = filters.filter((filter) => filter.negated);
  return (
    <div class="page-inner">
      <div class="row wrap">
        <h1>Traces</h1>
        <span class="grow" />
        <input class="input" placeholder="Operation" aria-label="Operation name" value={mine.name ?? ""} onChange={(event) => view({ name: event.currentTarget.value })} />
        <select class="input" aria-label="Status" value={mine.status ?? ""} onChange={(event) => view({ status: event.currentTarget.value })}>
          <option value="">any status</option>
          <option value="error">with errors</option>
          <option value="ok">ok</option>
        </select>
        <input class="input" style={{ width: 92 }} placeholder="min 100ms" aria-label="Shortest duration" value={mine.min ?? ""} onChange={(event) => view({ min: event.currentTarget.value })} />
        <input class="input" style={{ width: 92 }} placeholder="max 5s" aria-label="Longest duration" value={mine.max ?? ""} onChange={(event) => view({ max: event.currentTarget.value })} />
      </div>
      {dropped.length > 0 && <div class="warn small">Trace search cannot leave values out: {dropped.map((filter) => filter.name).join(", ")} does not apply here.</div>}
      <Show answer={answer}>{(found) => (found.length ? <Result found={found} /> : <section class="panel"><Empty title="No traces match">A longer time range, another status or fewer filters may find some.</Empty></section>)}</Show>
    </div>
  );
}

function Result({ found }: { found: Found[] }) {
  const points = found.map((trace) => ({ ms: startMs(trace), took: trace.durationMs * 1e6, bad: failed(trace), id: trace.traceID, name: `${trace.rootServiceName} ${trace.rootTraceName}` }));
  return (
    <>
      <section class="panel" aria-label="Duration over time">
        <header><h2>Duration</h2><span class="soft small">{found.length === LIMIT ? `the newest ${LIMIT}; drag to look closer` : `${found.length} traces`}</span></header>
        <div class="body"><Scatter points={points} onOpen={(point) => go("/trace", { trace: point.id })} /></div>
      </section>
      <section class="panel" aria-label="Traces">
        <table class="table">
          <thead><tr><th>Started</th><th>Trace</th><th class="num">Duration</th><th class="num">Spans</th><th>Services</th></tr></thead>
          <tbody>
            {found.map((trace) => {
              const stats = Object.entries(trace.serviceStats ?? {});
              return (
                <tr key={trace.traceID}>
                  <td class="mono soft">{dateTime(startMs(trace))}</td>
                  <td><Link to="/trace" change={{ trace: trace.traceID }}><b>{trace.rootServiceName || "(no root yet)"}</b> {trace.rootTraceName}</Link> {failed(trace) && <span class="tag bad">error</span>}</td>
                  <td class="num">{duration(trace.durationMs * 1e6)}</td>
                  <td class="num">{stats.reduce((sum, [, stat]) => sum + stat.spanCount, 0) || "–"}</td>
                  <td class="small soft">{stats.slice(0, 6).map(([name, stat]) => <span key={name} class={stat.errorCount ? "bad" : ""}>{name} </span>)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
    </>
  );
}
