// The Loki API, as far as the pages ask it.
import { ask } from "./http";
import { quote, type Labels } from "./prometheus";

export interface LogEntry {
  /** Nanoseconds since 1970; too large for a number. */
  ns: bigint;
  ms: number;
  line: string;
  /** Stream labels and structured metadata together. */
  fields: Labels;
  stream: Labels;
}

interface Answer {
  data: { result: { stream: Labels; values: [string, string, { structuredMetadata?: Labels; parsed?: Labels }?][] }[] };
}

const CATEGORIES = { headers: { "X-Loki-Response-Encoding-Flags": "categorize-labels" } };

/** Newest first. `to` is exclusive. */
export async function queryLogs(query: string, fromNs: bigint, toNs: bigint, limit: number, forward: boolean, signal?: AbortSignal): Promise<LogEntry[]> {
  const params = new URLSearchParams({ query, start: String(fromNs), end: String(toNs), limit: String(limit), direction: forward ? "forward" : "backward" });
  const body = await ask<Answer>(`/loki/api/v1/query_range?${params}`, signal, CATEGORIES);
  const entries: LogEntry[] = [];
  for (const { stream, values } of body.data.result) {
    for (const [time, line, extra] of values) {
      const ns = BigInt(time);
      entries.push({ ns, ms: Number(ns / 1_000_000n), line, stream, fields: { ...stream, ...extra?.structuredMetadata } });
    }
  }
  return entries.sort((a, b) => (a.ns < b.ns ? 1 : a.ns > b.ns ? -1 : 0));
}

export interface Volume {
  metric: Labels;
  values: [number, string][];
}

export async function volumeRange(query: string, from: number, to: number, stepMs: number, by: string, signal?: AbortSignal): Promise<Volume[]> {
  const params = new URLSearchParams({ query, start: String(BigInt(Math.round(from)) * 1_000_000n), end: String(BigInt(Math.round(to)) * 1_000_000n), step: `${stepMs / 1000}s`, targetLabels: by, limit: "20" });
  const body = await ask<{ data: { result: Volume[] } }>(`/loki/api/v1/index/volume_range?${params}`, signal);
  return body.data.result;
}

export async function labelValues(name: string, from: number, to: number, signal?: AbortSignal): Promise<string[]> {
  const params = new URLSearchParams({ start: String(BigInt(Math.round(from)) * 1_000_000n), end: String(BigInt(Math.round(to)) * 1_000_000n) });
  return (await ask<{ data?: string[] }>(`/loki/api/v1/label/${encodeURIComponent(name)}/values?${params}`, signal)).data ?? [];
}

/** Labels that name a stream; everything else is structured metadata and is filtered behind a pipe. */
const STREAM_LABELS = /^(service_name|service_namespace|service_instance_id|deployment_environment(_name)?|cloud_region|cloud_availability_zone|container_name|k8s_[a-z]+_name)$/;

/** A log query from the scope and a text. */
export function logQuery(matchers: [string, string, string][], text: string): string {
  const clean = matchers.map(([name, op, value]): [string, string, string] => [name.replace(/[^a-zA-Z0-9_]/g, "_"), op, value]);
  const stream = clean.filter(([name]) => STREAM_LABELS.test(name));
  const rest = clean.filter(([name]) => !STREAM_LABELS.test(name));
  const inside = stream.map(([name, op, value]) => `${name}${op}${quote(value)}`);
  // Loki wants one matcher that does not match the empty string.
  if (!stream.some(([, op, value]) => op === "=" && value)) inside.push('service_name=~".+"');
  const line = text ? ` |= ${quote(text)}` : "";
  return `{${inside.join(", ")}}${line}${rest.map(([name, op, value]) => ` | ${name}${op}${quote(value)}`).join("")}`;
}
