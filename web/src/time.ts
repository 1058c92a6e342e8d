// Moments and durations, as people write and read them. The viewer's zone or UTC, by choice.
import { signal } from "@preact/signals";

export const utc = signal(localStorage.getItem("oriel.utc") === "1");

export function setUtc(on: boolean): void {
  utc.value = on;
  localStorage.setItem("oriel.utc", on ? "1" : "0");
}

const UNITS_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `now`, `now-15m`, Unix milliseconds, or a date that the browser can read. */
export function parseMoment(text: string, now: number): number | null {
  if (text === "now") return now;
  const relative = /^now-(\d+)(ms|s|m|h|d|w)$/.exec(text);
  if (relative) return now - Number(relative[1]) * UNITS_MS[relative[2]];
  if (/^\d{9,}$/.test(text)) return Number(text);
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) ? null : parsed;
}

function parts(ms: number): { date: string; time: string; milli: string } {
  const moment = new Date(ms);
  const pad = (value: number, width = 2) => String(value).padStart(width, "0");
  if (utc.value) {
    const iso = moment.toISOString();
    return { date: iso.slice(0, 10), time: iso.slice(11, 19), milli: iso.slice(20, 23) };
  }
  return {
    date: `${moment.getFullYear()}-${pad(moment.getMonth() + 1)}-${pad(moment.getDate())}`,
    time: `${pad(moment.getHours())}:${pad(moment.getMinutes())}:${pad(moment.getSeconds())}`,
    milli: pad(moment.getMilliseconds(), 3),
  };
}

export function clock(ms: number): string {
  return parts(ms).time;
}

export function clockMilli(ms: number): string {
  const { time, milli } = parts(ms);
  return `${time}.${milli}`;
}

export function dateTime(ms: number): string {
  const { date, time } = parts(ms);
  return `${date} ${time}`;
}

export function full(ms: number): string {
  const { date, time, milli } = parts(ms);
  return `${date} ${time}.${milli}${utc.value ? " UTC" : ""}`;
}

/** `1.2 s`, `340 ms`, `12 µs`. */
export function duration(ns: number): string {
  if (!Number.isFinite(ns)) return "–";
  const units: [number, string][] = [[3.6e12, "h"], [6e10, "min"], [1e9, "s"], [1e6, "ms"], [1e3, "µs"]];
  for (const [size, unit] of units) if (Math.abs(ns) >= size) return `${significant(ns / size)} ${unit}`;
  return `${Math.round(ns)} ns`;
}

export function significant(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  if (size >= 0.01) return value.toFixed(2);
  return value.toPrecision(2);
}

/** A step that gives at most `points` of them, from a list of steps that people find natural. */
export function niceStep(rangeMs: number, points: number): number {
  const steps = [1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000];
  return steps.find((step) => rangeMs / step <= points) ?? Math.ceil(rangeMs / points / 86_400_000) * 86_400_000;
}
