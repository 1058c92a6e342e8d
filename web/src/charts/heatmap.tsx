// A histogram over time: each column a moment, each cell a bucket, darker where more. Buckets grow by ratio, so the axis is logarithmic.
import { useEffect, useRef, useState } from "preact/hooks";
import { format, type Unit } from "../format";
import { Menu, type MenuItem } from "../parts/menu";
import { range } from "../scope";
import { theme, token } from "../theme";
import { clock, dateTime } from "../time";
import type { Dot } from "./time-chart";

export interface Column {
  ms: number;
  /** Lower bound, upper bound, count. */
  buckets: [number, number, number][];
}

const LEFT = 62;
const BOTTOM = 20;

interface Frame {
  low: number;
  high: number;
  width: number;
  height: number;
}

export function Heatmap({ columns, stepMs, unit = "none", height = 240, dots = [], onDot, menu, title }: { columns: Column[]; stepMs: number; unit?: Unit; height?: number; dots?: Dot[]; onDot?: (dot: Dot) => void; menu?: (from: number, to: number) => MenuItem[]; title: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(600);
  const [hover, setHover] = useState<{ x: number; y: number } | null>(null);
  const [open, setOpen] = useState<{ x: number; y: number; items: MenuItem[]; title: string } | null>(null);
  const bounds = columns.flatMap((column) => column.buckets.flatMap(([low, high]) => [low, high])).filter((bound) => bound > 0);
  const frame: Frame = { low: Math.min(...bounds, 1), high: Math.max(...bounds, 1e-9), width: width - LEFT - 6, height: height - BOTTOM - 6 };
  if (bounds.length) frame.low = Math.min(...bounds);
  const { from, to } = range.value;
  const x = (ms: number) => LEFT + ((ms - from) / (to - from)) * frame.width;
  const span = Math.log(frame.high / frame.low) || 1;
  const y = (value: number) => 4 + frame.height * (1 - Math.log(Math.max(value, frame.low) / frame.low) / span);

  useEffect(() => {
    const element = canvas.current;
    if (!element?.parentElement) return;
    const observer = new ResizeObserver(() => setWidth(element.parentElement!.clientWidth));
    observer.observe(element.parentElement);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const scale = devicePixelRatio;
    context.canvas.width = width * scale;
    context.canvas.height = height * scale;
    context.scale(scale, scale);
    context.clearRect(0, 0, width, height);
    const most = columns.reduce((most, column) => column.buckets.reduce((high, [, , count]) => Math.max(high, count), most), 0) || 1;
    context.fillStyle = token("accent");
    for (const column of columns) {
      const left = x(column.ms - stepMs / 2);
      const wide = Math.max(1, x(column.ms + stepMs / 2) - left);
      for (const [low, high, count] of column.buckets) {
        if (count <= 0) continue;
        context.globalAlpha = 0.12 + 0.88 * Math.sqrt(count / most);
        context.fillRect(left, y(high), wide + 0.5, Math.max(1, y(low) - y(high)));
      }
    }
    context.globalAlpha = 1;
    axes(context, frame, height, x, y, unit, from, to);
    context.fillStyle = token("warn");
    for (const dot of dots) context.fillRect(x(dot.ms) - 3, y(dot.value) - 3, 6, 6);
  }, [columns, dots, width, height, theme.value, unit, from, to]);

  const dotAt = hover && dots.find((dot) => Math.hypot(x(dot.ms) - hover.x, y(dot.value) - hover.y) < 8);
  const columnAt = hover && columns.find((column) => Math.abs(x(column.ms) - hover.x) <= Math.max(2, (stepMs / (to - from)) * frame.width) / 2 + 1);
  const bucketAt = columnAt && hover && columnAt.buckets.find(([low, high]) => hover.y <= y(low) && hover.y >= y(high));
  const click = (event: MouseEvent) => {
    if (dotAt) onDot?.(dotAt);
    else if (columnAt && menu) setOpen({ x: event.clientX, y: event.clientY, items: menu(columnAt.ms - stepMs, columnAt.ms + stepMs), title: dateTime(columnAt.ms) });
  };
  return (
    <div class="chart">
      <canvas ref={canvas} role="img" aria-label={`${title}: heatmap of ${columns.length} moments, values from ${format(frame.low, unit)} to ${format(frame.high, unit)}`} style={{ width, height, cursor: dotAt ? "pointer" : "crosshair" }} onClick={click} onMouseMove={(event) => setHover({ x: event.offsetX, y: event.offsetY })} onMouseLeave={() => setHover(null)} />
      {hover && columnAt && (
        <div class="note" style={{ left: Math.min(hover.x + 12, width - 220), top: Math.max(0, hover.y - 54) }}>
          <div class="soft">{dateTime(columnAt.ms)}</div>
          {dotAt ? <div>exemplar {format(dotAt.value, unit)} – click opens its trace</div> : bucketAt ? <div>{format(bucketAt[0], unit)} to {format(bucketAt[1], unit)}: <b>{format(bucketAt[2])}</b></div> : <div>nothing here</div>}
        </div>
      )}
      {open && <Menu {...open} onClose={() => setOpen(null)} />}
    </div>
  );
}

function axes(context: CanvasRenderingContext2D, frame: Frame, height: number, x: (ms: number) => number, y: (value: number) => number, unit: Unit, from: number, to: number): void {
  context.fillStyle = token("text-soft");
  context.strokeStyle = token("line");
  context.font = "11px system-ui";
  context.textAlign = "right";
  context.textBaseline = "middle";
  const steps = 5;
  for (let place = 0; place <= steps; place++) {
    const value = frame.low * (frame.high / frame.low) ** (place / steps);
    context.fillText(format(value, unit), LEFT - 6, y(value));
  }
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  for (let place = 1; place < 8; place++) {
    const ms = from + ((to - from) * place) / 8;
    context.fillText(clock(ms).slice(0, 5), x(ms), height - 5);
  }
  context.strokeRect(LEFT, 4, frame.width, frame.height);
}
