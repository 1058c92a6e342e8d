// Oriel's own API: what no peer has a shape for. And profiles, through the Pyroscope API.
import { ask } from "./http";
import { queryRange } from "./prometheus";

export interface Red {
  service: string;
  operation?: string;
  /** Totals over the range. */
  requests: number;
  errors: number;
  /** Nanoseconds. */
  p50_ns: number;
  p95_ns: number;
  p99_ns: number;
  /** One value a step: requests, errors, and the 95th percentile in nanoseconds. */
  series: { requests: number[]; errors: number[]; p95_ns: number[] };
}

export interface RedAnswer {
  start_ms: number;
  step_ms: number;
  rows: Red[];
}

interface ServicesBody {
  start: number;
  step: number;
  services: { service: string; operation?: string; calls: number; errors: number; p50: number | null; p95: number | null; p99: number | null; series: { calls: number[]; errors: number[]; p95: (number | null)[] } }[];
}

/** Seconds or nothing, as nanoseconds. */
const nano = (seconds: number | null): number => (seconds ?? 0) * 1e9;

function rangeParams(from: number, to: number): URLSearchParams {
  return new URLSearchParams({ start: (from / 1000).toFixed(3), end: (to / 1000).toFixed(3) });
}

async function red(params: URLSearchParams, stepMs: number, signal?: AbortSignal): Promise<RedAnswer> {
  params.set("step", String(stepMs / 1000));
  const body = await ask<ServicesBody>(`/oriel/api/v1/services?${params}`, signal);
  const rows = body.services.map((row) => ({
    service: row.service,
    operation: row.operation,
    requests: row.calls,
    errors: row.errors,
    p50_ns: nano(row.p50),
    p95_ns: nano(row.p95),
    p99_ns: nano(row.p99),
    series: { requests: row.series.calls, errors: row.series.errors, p95_ns: row.series.p95.map(nano) },
  }));
  return { start_ms: body.start, step_ms: body.step, rows };
}

/** Every service by its server and consumer spans. */
export function services(from: number, to: number, stepMs: number, signal?: AbortSignal): Promise<RedAnswer> {
  return red(rangeParams(from, to), stepMs, signal);
}

/** One service by operation. */
export function operations(service: string, from: number, to: number, stepMs: number, signal?: AbortSignal): Promise<RedAnswer> {
  const params = rangeParams(from, to);
  params.set("service", service);
  params.set("by", "operation");
  return red(params, stepMs, signal);
}

export interface Version {
  version: string;
  first_seen_ms: number;
}

/** When each version of each service was first seen, from the `target_info` of its metrics. */
export async function versions(from: number, to: number, signal?: AbortSignal): Promise<Map<string, Version[]>> {
  const step = Math.max(15_000, Math.ceil((to - from) / 240 / 1000) * 1000);
  const { series } = await queryRange("target_info", from, to, step, signal);
  const found = new Map<string, Version[]>();
  for (const { metric, values } of series) {
    const version = metric.service_version;
    const service = metric.service_name ?? metric.job?.replace(/^.*\//, "");
    if (!version || !service || !values?.length) continue;
    const list = found.get(service) ?? [];
    const first_seen_ms = values[0][0] * 1000;
    const known = list.find((have) => have.version === version);
    if (known) known.first_seen_ms = Math.min(known.first_seen_ms, first_seen_ms);
    else list.push({ version, first_seen_ms });
    found.set(service, list);
  }
  return found;
}

export interface Edge {
  from: string;
  to: string;
  calls: number;
  errors: number;
  p95_ns: number;
  /** The same in the first half of the range, to show what changed. */
  before?: { calls: number; errors: number; p95_ns: number };
}

export interface Graph {
  edges: Edge[];
}

interface GraphBody {
  edges: { parent: string; child: string; calls: number; errors: number; p95: number }[];
}

/** Calls between services; each edge also as it was in the first half of the range. */
export async function serviceGraph(from: number, to: number, signal?: AbortSignal): Promise<Graph> {
  const fetchEdges = async (start: number, end: number) => (await ask<GraphBody>(`/oriel/api/v1/service-graph?${rangeParams(start, end)}`, signal)).edges.map((edge) => ({ from: edge.parent, to: edge.child, calls: edge.calls, errors: edge.errors, p95_ns: nano(edge.p95) }));
  const middle = from + (to - from) / 2;
  const [whole, first] = await Promise.all([fetchEdges(from, to), fetchEdges(from, middle)]);
  const known = first.length > 0;
  const edges = whole.map((edge) => {
    const before = first.find((have) => have.from === edge.from && have.to === edge.to);
    return { ...edge, before: before ?? (known ? { calls: 0, errors: 0, p95_ns: 0 } : undefined) };
  });
  return { edges };
}

export interface Status {
  build: Record<string, string>;
  uptime_ms: number;
  ready: boolean;
  signals: { signal: string; items: number; items_per_second: number; last_received_ms: number | null; head_bytes: number; journal_bytes: number; block_bytes: number; files: number; quarantined: number }[];
  scrubber: { checked_files: number; checked_bytes: number; corrupt: number; gaps: number; last_pass_ms: number | null };
  memory: { resident_bytes: number; budget_bytes: number; used_bytes: number };
  catalog: Record<string, unknown>;
}

export function status(signal?: AbortSignal): Promise<Status> {
  return ask("/oriel/api/v1/status", signal);
}

export interface Flame {
  flamebearer: { names: string[]; levels: number[][]; numTicks: number; maxSelf: number };
  metadata: { format: string; units?: string; name?: string };
}

export function render(query: string, from: number, to: number, signal?: AbortSignal): Promise<Flame> {
  const params = new URLSearchParams({ query, from: String(Math.round(from)), until: String(Math.round(to)), format: "json", maxNodes: "16384" });
  return ask(`/pyroscope/render?${params}`, signal);
}

export function profileTypes(from: number, to: number, signal?: AbortSignal): Promise<string[]> {
  return ask(`/oriel/api/v1/profile-types?${rangeParams(from, to)}`, signal);
}

/** The same query over two ranges, the second against the first. */
export function renderDiff(query: string, left: [number, number], right: [number, number], signal?: AbortSignal): Promise<Flame> {
  const params = new URLSearchParams({ leftQuery: query, rightQuery: query, leftFrom: String(Math.round(left[0])), leftUntil: String(Math.round(left[1])), rightFrom: String(Math.round(right[0])), rightUntil: String(Math.round(right[1])), format: "json" });
  return ask(`/pyroscope/render-diff?${params}`, signal);
}
