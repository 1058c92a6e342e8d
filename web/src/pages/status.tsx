// Oriel about itself: what comes in, what it keeps, whether that is in order, what it is.
import { useAnswer } from "../api/http";
import { status, type Status } from "../api/oriel";
import { format } from "../format";
import { Show } from "../parts/states";
import { tick } from "../scope";
import { dateTime, duration } from "../time";

export function StatusPage() {
  const answer = useAnswer(`${tick.value}`, (signal) => status(signal));
  return (
    <div class="page-inner">
      <h1>Status</h1>
      <Show answer={answer}>{(data) => <Tables data={data} />}</Show>
    </div>
  );
}

function Tables({ data }: { data: Status }) {
  const { scrubber, memory, build } = data;
  const sound = scrubber.corrupt === 0 && scrubber.gaps === 0;
  return (
    <>
      <section class="panel" aria-label="Stores">
        <header><h2>Stores</h2></header>
        <div style={{ overflowX: "auto" }}>
          <table class="table">
            <thead><tr><th>Signal</th><th class="num">Items</th><th class="num">Rate</th><th>Last received</th><th class="num">Head</th><th class="num">Journal</th><th class="num">Blocks</th><th class="num">Files</th><th class="num">Quarantined</th></tr></thead>
            <tbody>
              {data.signals.map((signal) => (
                <tr key={signal.signal}>
                  <td><b>{signal.signal}</b></td>
                  <td class="num">{format(signal.items)}</td>
                  <td class="num">{format(signal.items_per_second, "perSecond")}</td>
                  <td>{signal.last_received_ms ? dateTime(signal.last_received_ms) : "never"}</td>
                  <td class="num">{format(signal.head_bytes, "bytes")}</td>
                  <td class="num">{format(signal.journal_bytes, "bytes")}</td>
                  <td class="num">{format(signal.block_bytes, "bytes")}</td>
                  <td class="num">{signal.files}</td>
                  <td class={`num ${signal.quarantined ? "bad" : ""}`}>{signal.quarantined}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
      <div class="grid">
        <section class="panel" aria-label="Scrubber">
          <header><h2>Scrubber</h2><span class={sound ? "good" : "bad"}>{sound ? "everything read back as written" : "found damage"}</span></header>
          <div class="body"><dl class="pairs">
            <dt>files checked</dt><dd>{format(scrubber.checked_files)}</dd>
            <dt>bytes checked</dt><dd>{format(scrubber.checked_bytes, "bytes")}</dd>
            <dt>corrupt pieces</dt><dd>{scrubber.corrupt}</dd>
            <dt>gaps or overlaps of offsets</dt><dd>{scrubber.gaps}</dd>
            <dt>last pass</dt><dd>{scrubber.last_pass_ms ? dateTime(scrubber.last_pass_ms) : "not yet"}</dd>
          </dl></div>
        </section>
        <section class="panel" aria-label="Process">
          <header><h2>Process</h2><span class={data.ready ? "good" : "warn"}>{data.ready ? "ready" : "starting"}</span></header>
          <div class="body"><dl class="pairs">
            <dt>up</dt><dd>{duration(data.uptime_ms * 1e6)}</dd>
            <dt>resident memory</dt><dd>{format(memory.resident_bytes, "bytes")}</dd>
            <dt>memory budget</dt><dd>{format(memory.used_bytes, "bytes")} of {format(memory.budget_bytes, "bytes")}</dd>
            {Object.entries(build).map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name} value`}>{value}</dd>])}
          </dl></div>
        </section>
      </div>
    </>
  );
}
