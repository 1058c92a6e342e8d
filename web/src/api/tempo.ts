// Traces, through the Tempo API: search, and one trace as OTLP/JSON turned into rows that can be drawn.
import { ask } from "./http";

export interface Found {
  traceID: string;
  rootServiceName: string;
  rootTraceName: string;
  startTimeUnixNano: string;
  durationMs: number;
  serviceStats?: Record<string, { spanCount: number; errorCount?: number }>;
}

export interface SearchParams {
  service?: string;
  name?: string;
  status?: string;
  minDuration?: string;
  maxDuration?: string;
  tags?: [string, string][];
  from: number;
  to: number;
  limit: number;
}

/** logfmt, as Tempo's `tags` parameter wants it. */
function logfmt(tags: [string, string][]): string {
  return tags.map(([name, value]) => `${name}=${/[\s="]/.test(value) ? JSON.stringify(value) : value}`).join(" ");
}

export async function search(params: SearchParams, signal?: AbortSignal): Promise<Found[]> {
  const tags: [string, string][] = [...(params.tags ?? [])];
  if (params.service) tags.push(["service.name", params.service]);
  if (params.name) tags.push(["name", params.name]);
  if (params.status) tags.push(["status", params.status]);
  const query = new URLSearchParams({ tags: logfmt(tags), start: String(Math.floor(params.from / 1000)), end: String(Math.ceil(params.to / 1000)), limit: String(params.limit) });
  if (params.minDuration) query.set("minDuration", params.minDuration);
  if (params.maxDuration) query.set("maxDuration", params.maxDuration);
  return (await ask<{ traces?: Found[] }>(`/tempo/api/search?${query}`, signal)).traces ?? [];
}

type AnyValue = { stringValue?: string; intValue?: string | number; doubleValue?: number; boolValue?: boolean; arrayValue?: { values?: AnyValue[] }; kvlistValue?: { values?: KeyValue[] }; bytesValue?: string };
type KeyValue = { key: string; value?: AnyValue };

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name?: string;
  kind?: number | string;
  startTimeUnixNano?: string | number;
  endTimeUnixNano?: string | number;
  attributes?: KeyValue[];
  events?: { timeUnixNano?: string | number; name?: string; attributes?: KeyValue[] }[];
  links?: { traceId: string; spanId: string; attributes?: KeyValue[] }[];
  status?: { code?: number | string; message?: string };
}

interface OtlpTrace {
  resourceSpans?: Resource[];
  batches?: Resource[];
  trace?: { resourceSpans?: Resource[]; batches?: Resource[] };
}

interface Resource {
  resource?: { attributes?: KeyValue[] };
  scopeSpans?: { scope?: { name?: string; version?: string }; spans?: OtlpSpan[] }[];
}

export interface SpanEvent {
  ns: number;
  name: string;
  attributes: [string, string][];
}

export interface Span {
  id: string;
  parentId: string;
  traceId: string;
  name: string;
  service: string;
  kind: string;
  /** Nanoseconds after the trace's start. */
  start: number;
  duration: number;
  error: boolean;
  message: string;
  attributes: [string, string][];
  resource: [string, string][];
  scope: string;
  events: SpanEvent[];
  links: { traceId: string; spanId: string }[];
  depth: number;
  children: Span[];
  /** Set where the span's parent is not in the trace, or would make a circle. */
  orphan: boolean;
  critical: boolean;
}

export interface Trace {
  id: string;
  /** Milliseconds since 1970. */
  startMs: number;
  /** Nanoseconds. */
  duration: number;
  /** Depth first, parents before children. */
  spans: Span[];
  services: string[];
  errors: number;
}

export async function trace(id: string, signal?: AbortSignal): Promise<Trace> {
  const body = await ask<OtlpTrace>(`/tempo/api/traces/${encodeURIComponent(id)}`, signal, { headers: { accept: "application/json" } });
  return build(id, body);
}

export function text(value: AnyValue | undefined): string {
  if (!value) return "";
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.intValue !== undefined) return String(value.intValue);
  if (value.doubleValue !== undefined) return String(value.doubleValue);
  if (value.boolValue !== undefined) return String(value.boolValue);
  if (value.bytesValue !== undefined) return value.bytesValue;
  if (value.arrayValue) return `[${(value.arrayValue.values ?? []).map(text).join(", ")}]`;
  if (value.kvlistValue) return `{${(value.kvlistValue.values ?? []).map((pair) => `${pair.key}: ${text(pair.value)}`).join(", ")}}`;
  return "";
}

const pairs = (list: KeyValue[] | undefined): [string, string][] => (list ?? []).map((pair) => [pair.key, text(pair.value)]);
const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"];

/** Ids come as hexadecimal or, from protobuf's own JSON mapping, as base64. */
function hex(id: string | undefined, length: number): string {
  if (!id) return "";
  if (id.length === length && /^[0-9a-f]+$/i.test(id)) return id.toLowerCase();
  try {
    return [...atob(id)].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  } catch {
    return id;
  }
}

export function build(id: string, body: OtlpTrace): Trace {
  const inner = body.trace ?? body;
  const raw: { span: OtlpSpan; service: string; resource: [string, string][]; scope: string }[] = [];
  for (const { resource, scopeSpans } of inner.resourceSpans ?? inner.batches ?? []) {
    const attributes = pairs(resource?.attributes);
    const service = attributes.find(([name]) => name === "service.name")?.[1] ?? "unknown";
    for (const { scope, spans } of scopeSpans ?? []) for (const span of spans ?? []) raw.push({ span, service, resource: attributes, scope: scope?.name ?? "" });
  }
  const zero = raw.reduce<bigint | null>((least, { span }) => {
    const start = BigInt(span.startTimeUnixNano ?? 0);
    return least === null || start < least ? start : least;
  }, null) ?? 0n;
  const all = raw.map(({ span, service, resource, scope }) => toSpan(span, service, resource, scope, zero));
  const spans = arrange(all);
  const end = spans.reduce((latest, span) => Math.max(latest, span.start + span.duration), 0);
  markCritical(spans.filter((span) => span.depth === 0));
  return { id, startMs: Number(zero / 1_000_000n), duration: end, spans, services: [...new Set(spans.map((span) => span.service))], errors: spans.filter((span) => span.error).length };
}

function toSpan(span: OtlpSpan, service: string, resource: [string, string][], scope: string, zero: bigint): Span {
  const start = Number(BigInt(span.startTimeUnixNano ?? 0) - zero);
  const end = Number(BigInt(span.endTimeUnixNano ?? span.startTimeUnixNano ?? 0) - zero);
  const code = span.status?.code;
  const kind = typeof span.kind === "number" ? (KINDS[span.kind] ?? "unspecified") : (span.kind ?? "unspecified").replace("SPAN_KIND_", "").toLowerCase();
  return {
    id: hex(span.spanId, 16),
    parentId: hex(span.parentSpanId, 16),
    traceId: hex(span.traceId, 32),
    name: span.name ?? "",
    service,
    kind,
    start,
    duration: Math.max(0, end - start),
    error: code === 2 || code === "STATUS_CODE_ERROR",
    message: span.status?.message ?? "",
    attributes: pairs(span.attributes),
    resource,
    scope,
    events: (span.events ?? []).map((event) => ({ ns: Number(BigInt(event.timeUnixNano ?? 0) - zero), name: event.name ?? "", attributes: pairs(event.attributes) })),
    links: (span.links ?? []).map((link) => ({ traceId: hex(link.traceId, 32), spanId: hex(link.spanId, 16) })),
    depth: 0,
    children: [],
    orphan: false,
    critical: false,
  };
}

/** Parents before children, siblings by time. Spans without a parent here, or in a circle, stand as roots. No recursion: traces may be deep. */
function arrange(all: Span[]): Span[] {
  const byId = new Map(all.map((span) => [span.id, span]));
  const roots: Span[] = [];
  for (const span of all) {
    const parent = span.parentId ? byId.get(span.parentId) : undefined;
    if (parent && parent !== span) parent.children.push(span);
    else {
      span.orphan = span.parentId !== "";
      roots.push(span);
    }
  }
  const order: Span[] = [];
  const seen = new Set<Span>();
  const walk = (root: Span) => {
    const stack: [Span, number][] = [[root, 0]];
    while (stack.length) {
      const [span, depth] = stack.pop()!;
      if (seen.has(span)) continue;
      seen.add(span);
      span.depth = depth;
      order.push(span);
      span.children.sort((a, b) => b.start - a.start);
      for (const child of span.children) stack.push([child, depth + 1]);
      span.children.reverse();
    }
  };
  roots.sort((a, b) => a.start - b.start).forEach(walk);
  // What is left hangs in circles: cut each at its earliest span.
  for (const span of all.filter((span) => !seen.has(span)).sort((a, b) => a.start - b.start)) {
    if (seen.has(span)) continue;
    span.orphan = true;
    walk(span);
  }
  return order;
}

/** The chain of spans that decided when the trace ended: from the end of each, the child that ended last, and so on backwards. */
function markCritical(roots: Span[]): void {
  const longest = roots.reduce<Span | null>((best, span) => (!best || span.duration > best.duration ? span : best), null);
  const stack = longest ? [longest] : [];
  const seen = new Set<Span>();
  while (stack.length) {
    const span = stack.pop()!;
    if (seen.has(span)) continue;
    seen.add(span);
    span.critical = true;
    let until = span.start + span.duration;
    const byEnd = [...span.children].sort((a, b) => b.start + b.duration - (a.start + a.duration));
    for (const child of byEnd) {
      if (child.start + child.duration <= until && child.start < until) {
        stack.push(child);
        until = child.start;
      }
    }
  }
}
