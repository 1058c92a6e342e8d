// The Prometheus API, as far as the pages ask it.
import { ask } from "./http";

export type Labels = Record<string, string>;

export interface HistogramValue {
  count: string;
  sum: string;
  buckets?: [number, string, string, string][];
}

export interface Series {
  metric: Labels;
  values?: [number, string][];
  histograms?: [number, HistogramValue][];
}

export interface Exemplar {
  labels: Labels;
  value: string;
  timestamp: number;
}

export interface QueryResult {
  series: Series[];
  warnings: string[];
  infos: string[];
}

interface Envelope<T> {
  status: string;
  data: T;
  warnings?: string[];
  infos?: string[];
}

const form = (params: Record<string, string>): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/x-www-form-urlencoded" },
  body: new URLSearchParams(params).toString(),
});

const seconds = (ms: number) => (ms / 1000).toFixed(3);

export async function queryRange(query: string, from: number, to: number, stepMs: number, signal?: AbortSignal): Promise<QueryResult> {
  // Steps on absolute multiples, so that moving the range a little moves no point.
  const start = Math.floor(from / stepMs) * stepMs;
  const params = { query, start: seconds(start), end: seconds(to), step: String(stepMs / 1000) };
  const body = await ask<Envelope<{ result: Series[] }>>("/api/v1/query_range", signal, form(params));
  return { series: body.data.result, warnings: body.warnings ?? [], infos: body.infos ?? [] };
}

export interface InstantResult {
  type: string;
  samples: { metric: Labels; value?: [number, string]; histogram?: [number, HistogramValue] }[];
  scalar?: string;
  warnings: string[];
  infos: string[];
}

export async function queryInstant(query: string, at: number, signal?: AbortSignal): Promise<InstantResult> {
  const body = await ask<Envelope<{ resultType: string; result: unknown }>>("/api/v1/query", signal, form({ query, time: seconds(at) }));
  const { resultType, result } = body.data;
  const notes = { warnings: body.warnings ?? [], infos: body.infos ?? [] };
  if (resultType === "scalar" || resultType === "string") return { type: resultType, samples: [], scalar: (result as [number, string])[1], ...notes };
  return { type: resultType, samples: result as InstantResult["samples"], ...notes };
}

export async function queryExemplars(query: string, from: number, to: number, signal?: AbortSignal): Promise<Exemplar[]> {
  const params = { query, start: seconds(from), end: seconds(to) };
  const body = await ask<Envelope<{ exemplars: Exemplar[] }[]>>("/api/v1/query_exemplars", signal, form(params));
  return body.data.flatMap((series) => series.exemplars);
}

export async function labelValues(label: string, from: number, to: number, match: string[], signal?: AbortSignal): Promise<string[]> {
  const params = new URLSearchParams({ start: seconds(from), end: seconds(to), limit: "5000" });
  for (const one of match) params.append("match[]", one);
  return (await ask<Envelope<string[]>>(`/api/v1/label/${encodeURIComponent(label)}/values?${params}`, signal)).data;
}

export async function labelNames(from: number, to: number, match: string[], signal?: AbortSignal): Promise<string[]> {
  const params = new URLSearchParams({ start: seconds(from), end: seconds(to) });
  for (const one of match) params.append("match[]", one);
  return (await ask<Envelope<string[]>>(`/api/v1/labels?${params}`, signal)).data;
}

export interface Metadata {
  type: string;
  help: string;
  unit: string;
}

export async function metadata(signal?: AbortSignal): Promise<Record<string, Metadata[]>> {
  return (await ask<Envelope<Record<string, Metadata[]>>>("/api/v1/metadata", signal)).data;
}

/** A value as PromQL writes it between quotes. */
export function quote(text: string): string {
  return `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
}

/** A label name as a selector writes it: quoted where it is not a plain word. */
export function labelName(name: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : quote(name);
}

export function selector(metric: string, matchers: [string, string, string][]): string {
  const plain = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(metric);
  const inside = [...(plain || !metric ? [] : [quote(metric)]), ...matchers.map(([name, op, value]) => `${labelName(name)}${op}${quote(value)}`)];
  return `${plain ? metric : ""}${inside.length || !plain ? `{${inside.join(", ")}}` : ""}`;
}
