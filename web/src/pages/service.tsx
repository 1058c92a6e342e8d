// One service: rate, errors, duration, endpoints, instances, what it calls, its latest errors, logs and profile, on one time axis.
import { useAnswer } from "../api/http";
import { logQuery, queryLogs } from "../api/loki";
import { operations, render, serviceGraph, services, versions, type Red, type RedAnswer, type Version } from "../api/oriel";
import { labelValues, queryExemplars, queryRange, quote } from "../api/prometheus";
import { search } from "../api/tempo";
import { FlameGraph } from "../charts/flame";
import { Spark } from "../charts/spark";
import { TimeChart, type Dot } from "../charts/time-chart";
import { format } from "../format";
import { Link } from "../parts/link";
import { momentItems } from "../parts/links";
import { Empty, Show } from "../parts/states";
import { change, go, range, scope } from "../scope";
import { token } from "../theme";
import { clock, clockMilli, duration, niceStep } from "../time";

export function Service() {
  const name = scope.value.service;
  if (!name) return <Pick />;
  return (
    <div class="page-inner">
      <div class="row wrap">
        <h1>{name}</h1>
        <span class="grow" />
        <Link class="button" to="/logs">Logs</Link>
        <Link class="button" to="/traces">Traces</Link>
        <Link class="button" to="/traces" change={{ view: { status: "error" } }}>Failing traces</Link>
        <Link class="button" to="/profiles">Profile</Link>
        <Link class="button" to="/map">Map</Link>
      </div>
      <Golden name={name} />
      <Operations name={name} />
      <div class="grid">
        <Errors name={name} />
        <Lines name={name} />
      </div>
      <div class="grid">
        <Neighbours name={name} />
        <Use name={name} />
      </div>
      <Flame name={name} />
    </div>
  );
}

function Pick() {
  const { from, to } = range.value;
  const answer = useAnswer(`${from} ${to}`, (signal) => services(from, to, niceStep(to - from, 60), signal));
  return (
    <div class="page-inner">
      <h1>Service</h1>
      <section class="panel">
        <Show answer={answer}>
          {(data) => (data.rows.length ? <ul>{data.rows.map((row) => <li key={row.service}><Link to="/service" change={{ service: row.service }}>{row.service}</Link></li>)}</ul> : <Empty title="No services in this time">Services are named by the <code>service.name</code> of what they send.</Empty>)}
        </Show>
      </section>
    </div>
  );
}

const times = (data: RedAnswer, count: number) => Array.from({ length: count }, (_, place) => data.start_ms + place * data.step_ms);

function Golden({ name }: { name: string }) {
  const { from, to } = range.value;
  const step = niceStep(to - from, 120);
  const key = `${name} ${from} ${to}`;
  const answer = useAnswer(key, (signal) => services(from, to, step, signal));
  const news = useAnswer(`versions ${key}`, (signal) => versions(from, to, signal));
  const exemplars = useAnswer(`dots ${key}`, (signal) => queryExemplars(`{__name__=~"http_server_request_duration_seconds.*|http.server.request.duration.*", service_name=${quote(name)}} or {__name__=~"http_server_request_duration_seconds.*", job=~${quote(`(.+/)?${name}`)}}`, from, to, signal).catch(() => []));
  return (
    <Show answer={answer}>
      {(data) => {
        const row = data.rows.find((have) => have.service === name);
        if (!row) return <Empty title={`No spans of ${name} in this time`}>Its logs, metrics and profiles may still be there.</Empty>;
        const dots: Dot[] = (exemplars.data ?? []).flatMap((exemplar) => {
          const trace = exemplar.labels.trace_id ?? exemplar.labels.traceID;
          return trace ? [{ ms: exemplar.timestamp * 1000, value: Number(exemplar.value), trace, span: exemplar.labels.span_id }] : [];
        });
        return <Charts row={row} data={data} news={news.data?.get(name) ?? []} dots={dots.sort((a, b) => b.value - a.value).slice(0, 60)} />;
      }}
    </Show>
  );
}

function Charts({ row, data, news, dots }: { row: Red; data: RedAnswer; news: Version[]; dots: Dot[] }) {
  const at = times(data, row.series.requests.length);
  const perSecond = 1000 / data.step_ms;
  const { from } = range.value;
  const marks = news.length > 1 ? news.filter((version) => version.first_seen_ms > from + 60_000).map((version) => ({ ms: version.first_seen_ms, text: version.version })) : [];
  const menu = (start: number, end: number) => momentItems(start, end, row.service);
  const open = (dot: Dot) => go("/trace", { trace: dot.trace, view: dot.span ? { span: dot.span } : {} });
  return (
    <section class="grid" aria-label="Rate, errors, duration">
      <div class="panel"><header><h2>Rate</h2><span class="soft">requests per second</span></header><div class="body"><TimeChart title="Rate" times={at} unit="perSecond" menu={menu} marks={marks} lines={[{ name: "requests", values: row.series.requests.map((count) => count * perSecond) }]} /></div></div>
      <div class="panel"><header><h2>Errors</h2><span class={row.errors ? "bad" : "soft"}>{format(row.requests ? row.errors / row.requests : 0, "percent")} of requests</span></header><div class="body"><TimeChart title="Errors" times={at} unit="percent" menu={menu} marks={marks} lines={[{ name: "error share", colour: token("bad"), values: row.series.errors.map((count, place) => (row.series.requests[place] ? count / row.series.requests[place] : 0)) }]} /></div></div>
      <div class="panel"><header><h2>Duration</h2><span class="soft">p50 {duration(row.p50_ns)}, p95 {duration(row.p95_ns)}, p99 {duration(row.p99_ns)}; dots are exemplars</span></header><div class="body"><TimeChart title="Duration, 95th percentile" times={at} unit="s" menu={menu} marks={marks} dots={dots} onDot={open} lines={[{ name: "p95", colour: token("warn"), values: row.series.p95_ns.map((ns) => (ns ? ns / 1e9 : null)) }]} /></div></div>
    </section>
  );
}

function Operations({ name }: { name: string }) {
  const { from, to } = range.value;
  const answer = useAnswer(`${name} ${from} ${to}`, (signal) => operations(name, from, to, niceStep(to - from, 60), signal));
  const seconds = (to - from) / 1000;
  return (
    <section class="panel" aria-label="Endpoints">
      <header><h2>Endpoints</h2></header>
      <Show answer={answer}>
        {(data) => (
          <div style={{ overflowX: "auto" }}>
            <table class="table">
              <thead><tr><th>Operation</th><th class="num">Rate</th><th /><th class="num">Errors</th><th /><th class="num">p50</th><th class="num">p95</th><th class="num">p99</th><th /></tr></thead>
              <tbody>
                {[...data.rows].sort((a, b) => b.requests - a.requests).slice(0, 50).map((row) => (
                  <tr key={row.operation}>
                    <td><Link to="/traces" change={{ view: { name: row.operation ?? "" } }}>{row.operation}</Link></td>
                    <td class="num">{format(row.requests / seconds, "perSecond")}</td>
                    <td><Spark values={row.series.requests} label={`Requests of ${row.operation}`} /></td>
                    <td class={`num ${row.errors ? "bad" : ""}`}>{format(row.requests ? row.errors / row.requests : 0, "percent")}</td>
                    <td><Spark values={row.series.errors} colour={token("bad")} label={`Errors of ${row.operation}`} /></td>
                    <td class="num">{duration(row.p50_ns)}</td><td class="num">{duration(row.p95_ns)}</td><td class="num">{duration(row.p99_ns)}</td>
                    <td>{row.errors > 0 && <Link to="/traces" change={{ view: { name: row.operation ?? "", status: "error" } }}>failing</Link>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Show>
    </section>
  );
}

function Errors({ name }: { name: string }) {
  const { from, to } = range.value;
  const answer = useAnswer(`${name} ${from} ${to}`, (signal) => search({ service: name, status: "error", from, to, limit: 12 }, signal));
  return (
    <section class="panel" aria-label="Latest failing traces">
      <header><h2>Latest failing traces</h2></header>
      <Show answer={answer}>
        {(found) => found.length === 0 ? <Empty title="None in this time" /> : (
          <table class="table">
            <tbody>
              {found.map((trace) => {
                const ms = Number(BigInt(trace.startTimeUnixNano) / 1_000_000n);
                return (
                  <tr key={trace.traceID}>
                    <td class="mono soft">{clock(ms)}</td>
                    <td><Link to="/trace" change={{ trace: trace.traceID, view: { service: name } }}>{trace.rootServiceName} {trace.rootTraceName}</Link></td>
                    <td class="num">{duration(trace.durationMs * 1e6)}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        )}
      </Show>
    </section>
  );
}

function Lines({ name }: { name: string }) {
  const { from, to } = range.value;
  const ns = (ms: number) => BigInt(Math.round(ms)) * 1_000_000n;
  const answer = useAnswer(`${name} ${from} ${to}`, async (signal) => {
    const mine = (more: [string, string, string][]) => queryLogs(logQuery([["service_name", "=", name], ...more], ""), ns(from), ns(to), 12, false, signal);
    const [errors, warnings] = await Promise.all([mine([["detected_level", "=", "error"]]), mine([["detected_level", "=", "warn"]])]);
    const worst = [...errors, ...warnings].sort((a, b) => (a.ns < b.ns ? 1 : -1)).slice(0, 12);
    return worst.length ? worst : mine([]);
  });
  return (
    <section class="panel" aria-label="Latest log lines">
      <header><h2>Latest warnings and errors</h2><span class="grow" /><Link to="/logs">all logs</Link></header>
      <Show answer={answer}>
        {(entries) => entries.length === 0 ? <Empty title="No log lines in this time" /> : (
          <table class="table" style={{ tableLayout: "fixed" }}>
            <tbody>
              {entries.map((entry, place) => (
                <tr key={place}>
                  <td class="mono soft" style={{ width: 112 }}>{clockMilli(entry.ms)}</td>
                  <td class="mono ellipsis" title={entry.line.slice(0, 2000)}>{entry.fields.trace_id ? <Link to="/trace" change={{ trace: entry.fields.trace_id, view: { span: entry.fields.span_id ?? "" } }}>{entry.line.slice(0, 400)}</Link> : entry.line.slice(0, 400)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Show>
    </section>
  );
}

function Neighbours({ name }: { name: string }) {
  const { from, to } = range.value;
  const answer = useAnswer(`${from} ${to}`, (signal) => serviceGraph(from, to, signal));
  return (
    <section class="panel" aria-label="Dependencies">
      <header><h2>Dependencies</h2><span class="grow" /><Link to="/map">map</Link></header>
      <Show answer={answer}>
        {(graph) => {
          const edges = graph.edges.filter((edge) => edge.from === name || edge.to === name);
          if (edges.length === 0) return <Empty title="No calls to or from here in this time" />;
          return (
            <table class="table">
              <thead><tr><th>Calls</th><th class="num">Rate</th><th class="num">Errors</th><th class="num">p95</th></tr></thead>
              <tbody>
                {edges.map((edge) => {
                  const other = edge.from === name ? edge.to : edge.from;
                  return (
                    <tr key={`${edge.from} ${edge.to}`}>
                      <td>{edge.from === name ? "→ " : "← "}<button class="button quiet" onClick={() => change({ service: other })}>{other}</button></td>
                      <td class="num">{format(edge.calls / ((to - from) / 1000), "perSecond")}</td>
                      <td class={`num ${edge.errors ? "bad" : ""}`}>{format(edge.calls ? edge.errors / edge.calls : 0, "percent")}</td>
                      <td class="num">{duration(edge.p95_ns)}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          );
        }}
      </Show>
    </section>
  );
}

/** What the processes use: every gauge of the service that says how much of something is taken. */
function Use({ name }: { name: string }) {
  const { from, to } = range.value;
  const step = niceStep(to - from, 120);
  const answer = useAnswer(`${name} ${from} ${to}`, async (signal) => {
    const mine = `job=~${quote(`(.+/)?${name}`)}`;
    const names = await labelValues("__name__", from, to, [`{${mine}}`], signal);
    const wanted = names.filter((metric) => /cpu_utilization|memory_usage|queue_depth|connection_count|certificate_expiry/.test(metric)).slice(0, 5);
    return Promise.all(wanted.map(async (metric) => ({ metric, result: await queryRange(`{__name__=${quote(metric)}, ${mine}}`, from, to, step, signal) })));
  });
  return (
    <section class="panel" aria-label="Use of resources">
      <header><h2>Use</h2><span class="soft small">by instance</span></header>
      <div class="body column">
        <Show answer={answer}>
          {(metrics) => metrics.length === 0 ? <Empty title="No resource metrics of this service" /> : metrics.map(({ metric, result }) => {
            const all = [...new Set(result.series.flatMap((series) => (series.values ?? []).map(([time]) => time * 1000)))].sort((a, b) => a - b);
            const lines = result.series.slice(0, 8).map((series) => {
              const values = new Map((series.values ?? []).map(([time, value]) => [time * 1000, Number(value)]));
              return { name: series.metric.instance ?? metric, values: all.map((time) => values.get(time) ?? null) };
            });
            return <div key={metric}><div class="small"><Link to="/metrics-explorer" change={{ view: { metric } }}>{metric}</Link></div><TimeChart title={metric} height={96} times={all} lines={lines} legend={false} unit={/memory/.test(metric) ? "bytes" : /utilization/.test(metric) ? "percent" : /expiry/.test(metric) ? "s" : "none"} menu={(start, end) => momentItems(start, end, name)} /></div>;
          })}
        </Show>
      </div>
    </section>
  );
}

function Flame({ name }: { name: string }) {
  const { from, to } = range.value;
  const query = `process_cpu:cpu:nanoseconds:cpu:nanoseconds{service_name=${quote(name)}}`;
  const answer = useAnswer(`${query} ${from} ${to}`, (signal) => render(query, from, to, signal));
  return (
    <section class="panel" aria-label="Processor profile">
      <header><h2>Processor time</h2><span class="grow" /><Link to="/profiles">open</Link></header>
      <div class="body"><Show answer={answer}>{(flame) => (flame.flamebearer.numTicks ? <FlameGraph flame={flame} unit="ns" rows={12} /> : <Empty title="No profiles of this service in this time" />)}</Show></div>
    </section>
  );
}
