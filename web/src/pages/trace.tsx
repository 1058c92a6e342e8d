// One trace: the waterfall, and everything known of the span that is selected, its log lines and its profile among them.
import { useEffect, useState } from "preact/hooks";
import { useAnswer } from "../api/http";
import { logQuery, queryLogs, type LogEntry } from "../api/loki";
import { render } from "../api/oriel";
import { quote } from "../api/prometheus";
import { trace as fetchTrace, type Span, type Trace } from "../api/tempo";
import { FlameGraph } from "../charts/flame";
import { Waterfall } from "../charts/waterfall";
import { format } from "../format";
import { Link } from "../parts/link";
import { Pairs } from "../parts/pairs";
import { Empty, Show } from "../parts/states";
import { scope, view } from "../scope";
import { colourOf } from "../theme";
import { clockMilli, duration, full } from "../time";

export function TracePage() {
  const id = scope.value.trace;
  const answer = useAnswer(id, (signal) => fetchTrace(id, signal));
  if (!id) return <Empty title="No trace chosen">Open one from <Link to="/traces">the search</Link>, an exemplar or a log line, or paste its id into Find (Ctrl K).</Empty>;
  return (
    <div class="page-fill">
      <Show answer={answer}>{(trace) => (trace.spans.length ? <Whole trace={trace} /> : <Empty title="This trace has no spans here">It may be older than what is kept, or belong to another tenant.</Empty>)}</Show>
    </div>
  );
}

/** The span that people most likely came for: the named one, else the deepest failure, else the root. */
function initial(trace: Trace): Span {
  const { span, service } = scope.value.view;
  const named = trace.spans.find((have) => have.id === span);
  const failures = trace.spans.filter((have) => have.error && (!service || have.service === service));
  const deepest = [...(failures.length ? failures : trace.spans.filter((have) => have.error))].sort((a, b) => b.depth - a.depth)[0];
  return named ?? deepest ?? trace.spans[0];
}

function Whole({ trace }: { trace: Trace }) {
  const [find, setFind] = useState("");
  const selected = trace.spans.find((span) => span.id === scope.value.view.span) ?? initial(trace);
  useEffect(() => {
    if (scope.value.view.span !== selected.id) view({ span: selected.id });
  }, [trace]);
  const root = trace.spans[0];
  const errors = trace.spans.filter((span) => span.error);
  const next = () => {
    const place = errors.findIndex((span) => span.id === selected.id);
    const span = errors[(place + 1) % errors.length];
    if (span) view({ span: span.id });
  };
  return (
    <>
      <div class="row wrap">
        <h1>{root.service} {root.name}</h1>
        <span class="soft">{full(trace.startMs)} · {duration(trace.duration)} · {format(trace.spans.length)} spans · {trace.services.length} services</span>
        {errors.length > 0 && <button class="button" onClick={next}><span class="bad">{errors.length} failed</span> – next</button>}
        {trace.spans.some((span) => span.orphan) && <span class="tag warn" title="Their parents have not arrived, or point in a circle">spans without parent</span>}
        <span class="grow" />
        <input class="input" placeholder="Find in spans" aria-label="Find in spans" value={find} onInput={(event) => setFind(event.currentTarget.value)} />
        <code class="soft">{trace.id}</code>
      </div>
      <div class="row wrap small">
        {trace.services.slice(0, 16).map((service) => <Link key={service} to="/service" change={{ service }}><span class="row"><span class="swatch" style={{ background: colourOf(service) }} />{service}</span></Link>)}
        <span class="soft">underlined bars: critical path</span>
      </div>
      <div class="split">
        <section class="panel grow" style={{ display: "flex", minHeight: 0 }} aria-label="Waterfall"><Waterfall trace={trace} selected={selected.id} find={find} onSelect={(span) => view({ span: span.id })} /></section>
        <Detail trace={trace} span={selected} />
      </div>
    </>
  );
}

const AROUND_MS = 60_000;

function Detail({ trace, span }: { trace: Trace; span: Span }) {
  const start = trace.startMs + span.start / 1e6;
  const end = start + span.duration / 1e6;
  const time = { from: String(Math.floor(start - AROUND_MS)), to: String(Math.ceil(end + AROUND_MS)), live: false, service: span.service };
  return (
    <aside class="panel side" aria-label="Span">
      <div class="body column">
        <div>
          <h2 style={{ overflowWrap: "anywhere" }}>{span.name}</h2>
          <div class="row wrap small"><Link to="/service" change={{ service: span.service }}>{span.service}</Link><span class="tag">{span.kind}</span>{span.error && <span class="tag bad">error</span>}<span>{duration(span.duration)}</span><span class="soft">at +{duration(span.start)}</span></div>
        </div>
        {span.message && <pre class="text bad">{span.message.slice(0, 4000)}</pre>}
        <div class="row wrap small">
          <Link to="/logs" change={{ ...time, view: { text: "" } }}>Logs around</Link>
          <Link to="/traces" change={{ service: span.service, trace: "", view: { name: span.name } }}>Same operation</Link>
          <Link to="/profiles" change={time}>Profile around</Link>
        </div>
        <SpanLogs trace={trace} span={span} from={start} to={end} />
        <SpanProfile span={span} from={start} to={end} />
        {span.events.length > 0 && (
          <details open>
            <summary><b>Events</b> ({span.events.length})</summary>
            {span.events.slice(0, 50).map((event, place) => <div key={place} class="column" style={{ gap: 2, marginTop: 6 }}><div class="small"><span class="soft">+{duration(event.ns)}</span> {event.name}</div><Pairs pairs={event.attributes} /></div>)}
          </details>
        )}
        {span.links.length > 0 && (
          <details open>
            <summary><b>Links</b> ({span.links.length})</summary>
            {span.links.slice(0, 50).map((link, place) => <div key={place}><Link to="/trace" change={{ trace: link.traceId, view: { span: link.spanId } }}><code>{link.traceId.slice(0, 16)}…</code></Link></div>)}
          </details>
        )}
        <details open><summary><b>Attributes</b></summary><Pairs pairs={span.attributes} /></details>
        <details><summary><b>Resource</b></summary><Pairs pairs={span.resource} /></details>
        <dl class="pairs"><dt>span id</dt><dd>{span.id}</dd><dt>parent id</dt><dd>{span.parentId || "–"}</dd><dt>scope</dt><dd>{span.scope || "–"}</dd></dl>
      </div>
    </aside>
  );
}

const ns = (ms: number) => BigInt(Math.round(ms)) * 1_000_000n;

/** The span's own lines; if it wrote none, those of its trace. */
function SpanLogs({ trace, span, from, to }: { trace: Trace; span: Span; from: number; to: number }) {
  const answer = useAnswer(`${trace.id} ${span.id}`, async (signal) => {
    const query = logQuery([["service_name", "=", span.service], ["trace_id", "=", trace.id]], "");
    const entries = await queryLogs(query, ns(from - AROUND_MS), ns(to + AROUND_MS), 200, true, signal);
    return { own: entries.filter((entry) => entry.fields.span_id === span.id).reverse(), others: entries.filter((entry) => entry.fields.span_id !== span.id).reverse() };
  });
  return (
    <details open>
      <summary><b>Logs</b></summary>
      <Show answer={answer}>
        {({ own, others }) => own.length + others.length === 0 ? <div class="soft small">None with this trace id</div> : (
          <>
            {own.map((entry, place) => <LogRow key={place} entry={entry} />)}
            {own.length === 0 && <div class="soft small">None of this span; of its service in this trace:</div>}
            {own.length === 0 && others.slice(0, 20).map((entry, place) => <LogRow key={place} entry={entry} />)}
          </>
        )}
      </Show>
    </details>
  );
}

function LogRow({ entry }: { entry: LogEntry }) {
  const level = entry.fields.detected_level ?? "";
  return (
    <div class="small" style={{ marginTop: 4 }}>
      <span class="mono soft">{clockMilli(entry.ms)}</span> {/error|fatal|critical/.test(level) && <span class="tag bad">{level}</span>}
      <Link to="/logs" change={{ from: String(entry.ms - AROUND_MS), to: String(entry.ms + AROUND_MS), live: false, service: entry.fields.service_name ?? "", view: { at: String(entry.ns) } }}><pre class="text" style={{ color: "var(--text)" }}>{entry.line.slice(0, 2000)}</pre></Link>
    </div>
  );
}

function SpanProfile({ span, from, to }: { span: Span; from: number; to: number }) {
  const query = `process_cpu:cpu:nanoseconds:cpu:nanoseconds{span_id=${quote(span.id)}}`;
  const whole = `process_cpu:cpu:nanoseconds:cpu:nanoseconds{service_name=${quote(span.service)}}`;
  const answer = useAnswer(query, async (signal) => {
    const own = await render(query, from - AROUND_MS, to + AROUND_MS, signal).catch(() => null);
    if (own?.flamebearer.numTicks) return { flame: own, own: true };
    return { flame: await render(whole, from - AROUND_MS, to + AROUND_MS, signal), own: false };
  });
  return (
    <details open>
      <summary><b>Processor profile</b></summary>
      <Show answer={answer}>
        {({ flame, own }) => flame.flamebearer.numTicks === 0 ? <div class="soft small">None of this service around this time</div> : (
          <>
            <div class="soft small">{own ? "of exactly this span" : "of the service around this time"} – <Link to="/profiles" change={{ service: span.service, from: String(Math.floor(from - AROUND_MS)), to: String(Math.ceil(to + AROUND_MS)), view: own ? { span: span.id } : {} }}>open</Link></div>
            <FlameGraph flame={flame} unit="ns" rows={9} />
          </>
        )}
      </Show>
    </details>
  );
}
