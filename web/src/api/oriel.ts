// Oriel's own API: what no peer has a shape for. And profiles, through the Pyroscope API.
import { ask } from "./http";

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
  versions: { version: string; first_seen_ms: number }[];
}

export interface RedAnswer {
  start_ms: number;
  step_ms: number;
  rows: Red[];
}

function rangeParams(from: number, to: number, stepMs: number): URLSearchParams {
  return new URLSearchParams({ start_ms: String(Math.round(from)), end_ms: String(Math.round(to)), step_ms: String(stepMs) });
}

export function services(from: number, to: number, stepMs: number, signal?: AbortSignal): Promise<RedAnswer> {
  return ask(`/oriel/api/v1/services?${rangeParams(from, to, stepMs)}`, signal);
}

export function operations(service: string, from: number, to: number, stepMs: number, signal?: AbortSignal): Promise<RedAnswer> {
  const params = rangeParams(from, to, stepMs);
  params.set("service", service);
  return ask(`/oriel/api/v1/operations?${params}`, signal);
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

export function serviceGraph(from: number, to: number, signal?: AbortSignal): Promise<Graph> {
  return ask(`/oriel/api/v1/service-graph?${rangeParams(from, to, 60_000)}`, signal);
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
  return ask(`/oriel/api/v1/profile-types?${rangeParams(from, to, 60_000)}`, signal);
}

/** The same query over two ranges, the second against the first. */
export function renderDiff(query: string, left: [number, number], right: [number, number], signal?: AbortSignal): Promise<Flame> {
  const params = new URLSearchParams({ leftQuery: query, rightQuery: query, leftFrom: String(Math.round(left[0])), leftUntil: String(Math.round(left[1])), rightFrom: String(Math.round(right[0])), rightUntil: String(Math.round(right[1])), format: "json" });
  return ask(`/pyroscope/render-diff?${params}`, signal);
}
