// Metrics: pick one or write PromQL; graph, heatmap or table; exemplars as dots; what the server remarks is shown.
import { useMemo, useState } from "preact/hooks";
import { useAnswer } from "../api/http";
import { labelNames, labelValues, metadata, queryExemplars, queryInstant, queryRange, selector, type Metadata, type QueryResult, type Series } from "../api/prometheus";
import { Heatmap, type Column } from "../charts/heatmap";
import { TimeChart, type Dot, type Line } from "../charts/time-chart";
import { format, unitOf } from "../format";
import { momentItems } from "../parts/links";
import { QueryInput } from "../parts/query-input";
import { Empty, Show } from "../parts/states";
import { go, range, scope, view } from "../scope";
import { niceStep } from "../time";

const SERIES_MAX = 100;

export function Metrics() {
  const { from, to } = range.value;
  const mine = scope.value.view;
  const minute = Math.floor(to / 60_000);
  const names = useAnswer(`names ${minute}`, (signal) => labelValues("__name__", from, to, [], signal));
  const help = useAnswer("metadata", (signal) => metadata(signal).catch((): Record<string, Metadata[]> => ({})));
  const metric = mine.metric ?? "";
  const type = help.data?.[metric]?.[0]?.type ?? "";
  const query = mine.q || (metric ? standardQuery(metric, type, mine.by ?? "") : "");
  return (
    <div class="page-inner">
      <h1>Metrics</h1>
      <div class="row wrap">
        <input class="input grow" list="metric-names" placeholder="Pick a metric" aria-label="Metric" value={metric} onChange={(event) => view({ metric: event.currentTarget.value, q: "", by: "" })} />
        <datalist id="metric-names">{(names.data ?? []).slice(0, 2000).map((name) => <option key={name} value={name} />)}</datalist>
        {metric && <GroupBy metric={metric} />}
        <select class="input" aria-label="Show as" value={mine.as ?? ""} onChange={(event) => view({ as: event.currentTarget.value })}>
          <option value="">graph</option>
          <option value="table">table</option>
        </select>
      </div>
      <QueryInput value={query} onRun={(text) => view({ q: text })} />
      {metric && help.data?.[metric]?.[0] && <div class="soft small">{help.data[metric][0].type} {help.data[metric][0].unit && `(${help.data[metric][0].unit})`} {help.data[metric][0].help}</div>}
      {!query ? <Pick names={names.data ?? []} help={help.data ?? {}} loading={names.loading} /> : mine.as === "table" ? <Table query={query} /> : <Graph query={query} />}
    </div>
  );
}

/** What people nearly always want of a metric of this kind. */
export function standardQuery(metric: string, type: string, by: string): string {
  const { service, environment, filters } = scope.value;
  const matchers: [string, string, string][] = filters.map((filter) => [filter.name.replace(/\./g, "_"), filter.negated ? "!=" : "=", filter.value]);
  if (service) matchers.unshift(["job", "=~", `(.+/)?${service.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`]);
  if (environment) matchers.push(["deployment_environment_name", "=", environment]);
  const target = selector(metric, matchers);
  const grouping = by ? ` by (${by})` : "";
  if (/_bucket$/.test(metric)) return `histogram_quantile(0.95, sum by (le${by ? `, ${by}` : ""}) (rate(${target}[5m])))`;
  if (type === "histogram" || type === "gaugehistogram") return `sum${grouping} (rate(${target}[5m]))`;
  if (type === "counter" || /_total$|_count$|_sum$/.test(metric)) return `sum${grouping} (rate(${target}[5m]))`;
  return by ? `avg by (${by}) (${target})` : target;
}

function GroupBy({ metric }: { metric: string }) {
  const { from, to } = range.value;
  const labels = useAnswer(metric, (signal) => labelNames(from, to, [selector(metric, [])], signal));
  return (
    <select class="input" aria-label="Group by" value={scope.value.view.by ?? ""} onChange={(event) => view({ by: event.currentTarget.value, q: "" })}>
      <option value="">all together</option>
      {(labels.data ?? []).filter((name) => name !== "__name__" && name !== "le").map((name) => <option key={name} value={name}>by {name}</option>)}
    </select>
  );
}

function Pick({ names, help, loading }: { names: string[]; help: Record<string, Metadata[]>; loading: boolean }) {
  const [text, setText] = useState("");
  const shown = names.filter((name) => name.toLowerCase().includes(text.toLowerCase()));
  if (!loading && names.length === 0) return <section class="panel"><Empty title="No metrics in this time">Send OTLP metrics to port 4318, remote write to <code>/api/v1/write</code>, or start <code>oriel demo</code>.</Empty></section>;
  return (
    <section class="panel" aria-label="All metrics">
      <header><h2>All metrics</h2><span class="soft small">{names.length}</span><span class="grow" /><input class="input" placeholder="Find" aria-label="Find a metric" value={text} onInput={(event) => setText(event.currentTarget.value)} /></header>
      <table class="table">
        <tbody>
          {shown.slice(0, 300).map((name) => (
            <tr key={name}><td><button class="button quiet mono" style={{ color: "var(--accent)" }} onClick={() => view({ metric: name, q: "" }, false)}>{name}</button></td><td class="soft small">{help[name]?.[0]?.type}</td><td class="soft small">{help[name]?.[0]?.help}</td></tr>
          ))}
        </tbody>
      </table>
      {shown.length > 300 && <div class="soft small" style={{ padding: 12 }}>and {shown.length - 300} more; type to find</div>}
    </section>
  );
}

function Graph({ query }: { query: string }) {
  const { from, to } = range.value;
  const step = niceStep(to - from, 240);
  const key = `${query} ${from} ${to}`;
  const answer = useAnswer(key, (signal) => queryRange(query, from, to, step, signal));
  const exemplars = useAnswer(`dots ${key}`, (signal) => queryExemplars(query, from, to, signal).catch(() => []));
  const dots = useMemo(() => {
    const all = (exemplars.data ?? []).flatMap((exemplar): Dot[] => {
      const trace = exemplar.labels.trace_id ?? exemplar.labels.traceID;
      return trace ? [{ ms: exemplar.timestamp * 1000, value: Number(exemplar.value), trace, span: exemplar.labels.span_id }] : [];
    });
    return all.sort((a, b) => b.value - a.value).slice(0, 200);
  }, [exemplars.data]);
  const open = (dot: Dot) => go("/trace", { trace: dot.trace, view: dot.span ? { span: dot.span } : {} });
  return (
    <section class="panel" aria-label="Graph">
      <Show answer={answer}>{(result) => <Drawn query={query} result={result} step={step} dots={dots} open={open} />}</Show>
    </section>
  );
}

function Drawn({ query, result, step, dots, open }: { query: string; result: QueryResult; step: number; dots: Dot[]; open: (dot: Dot) => void }) {
  const unit = /^(sum|avg|max|min)?\s*(by \([^)]*\))?\s*\(?rate|increase/.test(query) && !/histogram_quantile/.test(query) ? "none" : unitOf(query);
  const histograms = result.series.filter((series) => series.histograms?.length);
  const floats = result.series.filter((series) => series.values?.length);
  if (!histograms.length && !floats.length) return <><Notes result={result} /><Empty title="The query gives no data in this time">Its labels may not exist here; a longer range may show more.</Empty></>;
  const { times, lines } = linesOf(floats.slice(0, SERIES_MAX));
  const menu = (start: number, end: number, line?: Line) => momentItems(start, end, serviceOf(floats, line));
  return (
    <>
      <Notes result={result} />
      {histograms.slice(0, 6).map((series) => (
        <div class="body" key={name(series)}>
          <div class="small soft">{name(series)}</div>
          <Heatmap title={name(series)} columns={columnsOf(series)} stepMs={step} unit={unitOf(query)} dots={dots} onDot={open} menu={(start, end) => momentItems(start, end)} />
        </div>
      ))}
      {floats.length > 0 && <div class="body"><TimeChart title={query} height={320} times={times} lines={lines} unit={unit} dots={unit === "s" ? dots : []} onDot={open} menu={menu} legend /></div>}
      {floats.length > SERIES_MAX && <div class="soft small" style={{ padding: "0 12px 12px" }}>{SERIES_MAX} of {floats.length} series are drawn; aggregate or filter to see the rest</div>}
    </>
  );
}

function serviceOf(series: Series[], line?: Line): string {
  const found = series.find((have) => name(have) === line?.name)?.metric;
  return found?.service_name ?? found?.job?.replace(/^.*\//, "") ?? scope.value.service;
}

function Notes({ result }: { result: { warnings: string[]; infos: string[] } }) {
  return (
    <>
      {result.warnings.map((text) => <div key={text} class="small warn" style={{ padding: "4px 12px" }}>Warning: {text}</div>)}
      {result.infos.map((text) => <div key={text} class="small soft" style={{ padding: "4px 12px" }}>Note: {text}</div>)}
    </>
  );
}

export function name(series: { metric: Record<string, string> }): string {
  const { __name__: metric = "", ...labels } = series.metric;
  const inside = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return inside.length || !metric ? `${metric}{${inside.join(", ")}}` : metric;
}

function linesOf(series: Series[]): { times: number[]; lines: Line[] } {
  const times = [...new Set(series.flatMap((one) => one.values!.map(([time]) => time * 1000)))].sort((a, b) => a - b);
  const place = new Map(times.map((time, at) => [time, at]));
  const lines = series.map((one) => {
    const values: (number | null)[] = times.map(() => null);
    for (const [time, value] of one.values!) {
      const number = Number(value === "+Inf" ? Infinity : value === "-Inf" ? -Infinity : value);
      values[place.get(time * 1000)!] = Number.isFinite(number) ? number : null;
    }
    return { name: name(one), values };
  });
  return { times, lines };
}

function columnsOf(series: Series): Column[] {
  return series.histograms!.map(([time, histogram]) => ({
    ms: time * 1000,
    buckets: (histogram.buckets ?? []).map(([, low, high, count]): [number, number, number] => [Number(low), Number(high), Number(count)]).filter(([low, high]) => low > 0 && Number.isFinite(high)),
  }));
}

function Table({ query }: { query: string }) {
  const { to } = range.value;
  const answer = useAnswer(`${query} ${to}`, (signal) => queryInstant(query, to, signal));
  return (
    <section class="panel" aria-label="Table">
      <Show answer={answer}>
        {(result) => (
          <>
            <Notes result={result} />
            {result.scalar !== undefined && <div class="body">{result.scalar}</div>}
            {result.scalar === undefined && result.samples.length === 0 && <Empty title="The query gives no data at the end of the range" />}
            <table class="table">
              <tbody>
                {result.samples.slice(0, 1000).map((sample, place) => (
                  <tr key={place}><td class="mono" style={{ overflowWrap: "anywhere" }}>{name(sample)}</td><td class="num mono">{sample.value ? sample.value[1] : `count ${sample.histogram?.[1].count}, sum ${format(Number(sample.histogram?.[1].sum))}`}</td></tr>
                ))}
              </tbody>
            </table>
            {result.samples.length > 1000 && <div class="soft small" style={{ padding: 12 }}>1,000 of {result.samples.length} rows</div>}
          </>
        )}
      </Show>
    </section>
  );
}
