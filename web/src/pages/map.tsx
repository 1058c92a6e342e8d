// Who calls whom: rate, errors and p95 on the edges; what changed since the first half of the range stands out.
import { useMemo, useState } from "preact/hooks";
import { useAnswer } from "../api/http";
import { serviceGraph, type Edge } from "../api/oriel";
import { format } from "../format";
import { Menu, type MenuItem } from "../parts/menu";
import { Empty, Show } from "../parts/states";
import { go, href, range, scope } from "../scope";
import { duration } from "../time";

const NODE = { width: 150, height: 44, gapX: 190, gapY: 40 };

interface Placed {
  name: string;
  x: number;
  y: number;
}

export function ServiceMap() {
  const { from, to } = range.value;
  const answer = useAnswer(`${from} ${to}`, (signal) => serviceGraph(from, to, signal));
  return (
    <div class="page-inner">
      <h1>Service map</h1>
      <section class="panel">
        <Show answer={answer}>{(graph) => (graph.edges.length ? <Graph edges={graph.edges} /> : <Empty title="No calls between services in this time">Edges come from client and server spans of one trace.</Empty>)}</Show>
      </section>
    </div>
  );
}

/** Worse than before by more than noise. */
function changed(edge: Edge): string {
  const before = edge.before;
  if (!before) return "";
  if (!before.calls && edge.calls) return "new";
  const share = (part: { calls: number; errors: number }) => (part.calls ? part.errors / part.calls : 0);
  if (share(edge) > share(before) + 0.02) return "more errors";
  if (edge.p95_ns > before.p95_ns * 1.5 && edge.p95_ns > 1e6) return "slower";
  return "";
}

/** Layers by the longest way from a service that nobody calls; circles are cut where they close. */
function layout(edges: Edge[]): Map<string, Placed> {
  const names = [...new Set(edges.flatMap((edge) => [edge.from, edge.to]))].sort();
  const level = new Map(names.map((name) => [name, 0]));
  for (let round = 0; round < names.length; round++) {
    let moved = false;
    for (const { from, to } of edges) {
      const next = level.get(from)! + 1;
      if (from !== to && next > level.get(to)! && next < names.length) {
        level.set(to, next);
        moved = true;
      }
    }
    if (!moved) break;
  }
  const used = [...new Set(level.values())].sort((a, b) => a - b);
  const columns = used.map((at) => names.filter((name) => level.get(name) === at));
  const placed = new Map<string, Placed>();
  const tallest = Math.max(...columns.map((column) => column.length));
  columns.forEach((column, place) => {
    const weight = (name: string) => {
      const callers = edges.filter((edge) => edge.to === name && placed.has(edge.from)).map((edge) => placed.get(edge.from)!.y);
      return callers.length ? callers.reduce((sum, y) => sum + y, 0) / callers.length : 0;
    };
    const order = [...column].sort((a, b) => weight(a) - weight(b));
    const top = ((tallest - column.length) * (NODE.height + NODE.gapY)) / 2;
    order.forEach((name, row) => placed.set(name, { name, x: 20 + place * (NODE.width + NODE.gapX), y: 20 + top + row * (NODE.height + NODE.gapY) }));
  });
  return placed;
}

function Graph({ edges }: { edges: Edge[] }) {
  const [open, setOpen] = useState<{ x: number; y: number; items: MenuItem[]; title: string } | null>(null);
  const [over, setOver] = useState("");
  const placed = useMemo(() => layout(edges), [edges]);
  const all = [...placed.values()];
  const width = Math.max(...all.map((node) => node.x)) + NODE.width + 20;
  const height = Math.max(...all.map((node) => node.y)) + NODE.height + 20;
  const seconds = (range.value.to - range.value.from) / 1000;
  const { service } = scope.value;
  const lit = (edge: Edge) => !over || edge.from === over || edge.to === over;
  const errorShare = (name: string) => {
    const into = edges.filter((edge) => edge.to === name);
    const calls = into.reduce((sum, edge) => sum + edge.calls, 0);
    return calls ? into.reduce((sum, edge) => sum + edge.errors, 0) / calls : 0;
  };
  return (
    <div style={{ overflow: "auto" }}>
      <svg width={width} height={height} role="group" aria-label="Services and their calls" style={{ display: "block", margin: "0 auto" }}>
        <defs>
          <marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="var(--line-strong)" /></marker>
        </defs>
        {edges.map((edge) => {
          const [a, b] = [placed.get(edge.from)!, placed.get(edge.to)!];
          const [x1, y1, x2, y2] = [a.x + NODE.width, a.y + NODE.height / 2, b.x, b.y + NODE.height / 2];
          const failing = edge.calls > 0 && edge.errors / edge.calls > 0.01;
          const news = changed(edge);
          const middle = Math.max(30, (x2 - x1) / 2);
          const text = `${format(edge.calls / seconds, "perSecond")} · ${format(edge.calls ? edge.errors / edge.calls : 0, "percent")} · ${duration(edge.p95_ns)}`;
          const items: MenuItem[] = [
            { text: `Traces of ${edge.to}`, href: href("/traces", { service: edge.to }) },
            { text: `Failing traces of ${edge.to}`, href: href("/traces", { service: edge.to, view: { status: "error" } }) },
            { text: `Service ${edge.to}`, href: href("/service", { service: edge.to }) },
          ];
          return (
            <g key={`${edge.from} ${edge.to}`} opacity={lit(edge) ? 1 : 0.15} style={{ cursor: "pointer" }} role="button" tabIndex={0} aria-label={`${edge.from} calls ${edge.to}: ${text}${news ? `, ${news}` : ""}`} onClick={(event) => setOpen({ x: event.clientX, y: event.clientY, items, title: `${edge.from} → ${edge.to}: ${text}` })} onKeyDown={(event) => event.key === "Enter" && setOpen({ x: x2, y: y2, items, title: `${edge.from} → ${edge.to}` })}>
              <path d={`M${x1} ${y1}C${x1 + middle} ${y1} ${x2 - middle} ${y2} ${x2} ${y2}`} fill="none" stroke={failing ? "var(--bad)" : "var(--line-strong)"} stroke-width={1 + Math.min(5, Math.log10(1 + edge.calls / seconds) * 2.4)} stroke-dasharray={news ? "6 4" : undefined} marker-end="url(#tip)" />
              <text x={(x1 + x2) / 2} y={(y1 + y2) / 2 - 5} text-anchor="middle" font-size="10.5" fill={failing ? "var(--bad)" : "var(--text-soft)"} style={{ paintOrder: "stroke", stroke: "var(--panel)", strokeWidth: 4 }}>{text}</text>
              {news && <text x={(x1 + x2) / 2} y={(y1 + y2) / 2 + 9} text-anchor="middle" font-size="10.5" font-weight="600" fill="var(--warn)" style={{ paintOrder: "stroke", stroke: "var(--panel)", strokeWidth: 4 }}>{news}</text>}
            </g>
          );
        })}
        {all.map((node) => {
          const share = errorShare(node.name);
          return (
            <g key={node.name} transform={`translate(${node.x} ${node.y})`} style={{ cursor: "pointer" }} role="link" tabIndex={0} aria-label={`Service ${node.name}, ${format(share, "percent")} errors`} onMouseEnter={() => setOver(node.name)} onMouseLeave={() => setOver("")} onClick={() => go("/service", { service: node.name })} onKeyDown={(event) => event.key === "Enter" && go("/service", { service: node.name })}>
              <rect width={NODE.width} height={NODE.height} rx="7" fill={share > 0.01 ? "var(--bad-soft)" : "var(--panel)"} stroke={node.name === service ? "var(--accent)" : share > 0.01 ? "var(--bad)" : "var(--line-strong)"} stroke-width={node.name === service ? 2.5 : 1.2} />
              <text x={NODE.width / 2} y="19" text-anchor="middle" font-weight="600" fill="var(--text)" font-size="12.5">{node.name.slice(0, 20)}</text>
              <text x={NODE.width / 2} y="34" text-anchor="middle" fill="var(--text-soft)" font-size="10.5">{format(share, "percent")} errors</text>
            </g>
          );
        })}
      </svg>
      <div class="soft small" style={{ padding: "4px 12px 10px" }}>On each call: rate · errors · p95. Dashed: changed since the first half of the range.</div>
      {open && <Menu {...open} onClose={() => setOpen(null)} />}
    </div>
  );
}
