// The one scope: time, service, environment, label filters, trace. It lives in the URL, is shared by all pages and survives every click.
// `path` is where in it somebody stands; `view` holds what only one page understands (a query, a selected line).
import { computed, signal } from "@preact/signals";
import { parseMoment } from "./time";

export interface Filter {
  name: string;
  value: string;
  negated: boolean;
}

export interface Scope {
  from: string;
  to: string;
  service: string;
  environment: string;
  filters: Filter[];
  trace: string;
  live: boolean;
  view: Record<string, string>;
}

export const DEFAULT_FROM = "now-1h";
const OWN = new Set(["from", "to", "service", "env", "f", "trace", "live"]);

function parse(search: string): Scope {
  const params = new URLSearchParams(search);
  const view: Record<string, string> = {};
  params.forEach((value, name) => {
    if (!OWN.has(name)) view[name] = value;
  });
  return {
    from: params.get("from") ?? DEFAULT_FROM,
    to: params.get("to") ?? "now",
    service: params.get("service") ?? "",
    environment: params.get("env") ?? "",
    filters: params.getAll("f").map(parseFilter).filter((filter): filter is Filter => filter !== null),
    trace: params.get("trace") ?? "",
    live: params.get("live") === "1",
    view,
  };
}

function parseFilter(text: string): Filter | null {
  const place = text.search(/!?=/);
  if (place < 1) return null;
  const negated = text[place] === "!";
  return { name: text.slice(0, place), value: text.slice(place + (negated ? 2 : 1)), negated };
}

export function print(scope: Scope): string {
  const params = new URLSearchParams();
  if (scope.from !== DEFAULT_FROM) params.set("from", scope.from);
  if (scope.to !== "now") params.set("to", scope.to);
  if (scope.service) params.set("service", scope.service);
  if (scope.environment) params.set("env", scope.environment);
  for (const filter of scope.filters) params.append("f", `${filter.name}${filter.negated ? "!=" : "="}${filter.value}`);
  if (scope.trace) params.set("trace", scope.trace);
  if (scope.live) params.set("live", "1");
  for (const [name, value] of Object.entries(scope.view)) if (value) params.set(name, value);
  const text = params.toString();
  return text ? `?${text}` : "";
}

export const path = signal(location.pathname);
export const scope = signal<Scope>(parse(location.search));
/** Moves on in live mode and when somebody asks for fresh data; relative times are read against it. */
export const tick = signal(Date.now());

/** The time range in milliseconds, as of the last tick. */
export const range = computed(() => {
  const now = tick.value;
  const { from, to } = scope.value;
  const end = parseMoment(to, now) ?? now;
  const start = parseMoment(from, now) ?? end - 3_600_000;
  return start < end ? { from: start, to: end } : { from: end - 60_000, to: end };
});

/** A changed copy of the scope. Another page starts with an empty view unless the change brings one. */
function changed(change: Partial<Scope>, samePage: boolean): Scope {
  const now = scope.value;
  return { ...now, ...change, view: change.view ?? (samePage ? now.view : {}) };
}

/** Where a link with this change leads. */
export function href(to: string, change: Partial<Scope> = {}): string {
  return to + print(changed(change, to === path.value));
}

/** Goes there; the browser's history knows. */
export function go(to: string, change: Partial<Scope> = {}, replace = false): void {
  const url = href(to, change);
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  read();
  if (!replace) document.querySelector(".page")?.scrollTo(0, 0);
}

/** Changes the scope where we are. */
export function change(patch: Partial<Scope>, replace = false): void {
  go(path.value, patch, replace);
}

export function view(patch: Record<string, string>, replace = true): void {
  change({ view: { ...scope.value.view, ...patch } }, replace);
}

export function addFilter(name: string, value: string, negated = false): void {
  if (name === "service" || name === "service_name" || name === "service.name") {
    if (!negated) return change({ service: value });
  }
  const rest = scope.value.filters.filter((have) => have.name !== name || have.value !== value);
  change({ filters: [...rest, { name, value, negated }] });
}

export function dropFilter(filter: Filter): void {
  change({ filters: scope.value.filters.filter((have) => have !== filter) });
}

export function setRange(from: number, to: number): void {
  change({ from: String(Math.round(from)), to: String(Math.round(to)), live: false });
}

function read(): void {
  path.value = location.pathname;
  scope.value = parse(location.search);
}

addEventListener("popstate", read);

const LIVE_EVERY_MS = 5000;
setInterval(() => {
  if (scope.value.live && !document.hidden) tick.value = Date.now();
}, LIVE_EVERY_MS);
