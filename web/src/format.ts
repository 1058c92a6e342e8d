// Numbers with their units, short enough for an axis.
import { duration, significant } from "./time";

export type Unit = "none" | "s" | "ns" | "bytes" | "percent" | "perSecond";

export function format(value: number | null | undefined, unit: Unit = "none"): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "-∞";
  switch (unit) {
    case "s":
      return duration(value * 1e9);
    case "ns":
      return duration(value);
    case "bytes":
      return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
    case "percent":
      return `${significant(value * 100)} %`;
    case "perSecond":
      return `${scaled(value, 1000, ["", "k", "M", "G", "T"])}/s`;
    case "none":
      return scaled(value, 1000, ["", "k", "M", "G", "T"]);
  }
}

function scaled(value: number, base: number, units: string[]): string {
  let place = 0;
  let size = value;
  while (Math.abs(size) >= base && place < units.length - 1) {
    size /= base;
    place += 1;
  }
  return `${significant(size)}${units[place] ? (base === 1024 ? " " : "") + units[place] : ""}`;
}

/** The unit that a metric's name promises. */
export function unitOf(metric: string): Unit {
  if (/_seconds(_|$)|_duration(_|$)/.test(metric)) return "s";
  if (/_bytes(_|$)/.test(metric)) return "bytes";
  if (/_ratio(_|$)|utilization/.test(metric)) return "percent";
  return "none";
}
