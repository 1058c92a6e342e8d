// Traces as dots: when they began, how long they took. Drag to zoom in time; click one to open it.
import { useEffect, useRef, useState } from "preact/hooks";
import { duration, dateTime, clock } from "../time";
import { range, setRange } from "../scope";
import { theme, token } from "../theme";

export interface Point {
  ms: number;
  /** Nanoseconds. */
  took: number;
  bad: boolean;
  id: string;
  name: string;
}

const LEFT = 62;
const BOTTOM = 20;

export function Scatter({ points, height = 180, onOpen }: { points: Point[]; height?: number; onOpen: (point: Point) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(600);
  const [hover, setHover] = useState<{ x: number; y: number } | null>(null);
  const drag = useRef<number | null>(null);
  const { from, to } = range.value;
  const took = points.map((point) => Math.max(1, point.took));
  const low = Math.min(...took, 1e9);
  const high = Math.max(...took, low * 10);
  const x = (ms: number) => LEFT + ((ms - from) / (to - from)) * (width - LEFT - 8);
  const y = (ns: number) => 6 + (height - BOTTOM - 10) * (1 - Math.log(Math.max(ns, low) / low) / Math.log(high / low));
  const moment = (px: number) => from + ((px - LEFT) / (width - LEFT - 8)) * (to - from);

  useEffect(() => {
    const parent = canvas.current?.parentElement;
    if (!parent) return;
    const observer = new ResizeObserver(() => setWidth(parent.clientWidth));
    observer.observe(parent);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    context.canvas.width = width * devicePixelRatio;
    context.canvas.height = height * devicePixelRatio;
    context.scale(devicePixelRatio, devicePixelRatio);
    context.font = "11px system-ui";
    context.fillStyle = token("text-soft");
    context.strokeStyle = token("line");
    context.textAlign = "right";
    for (let place = 0; place <= 4; place++) {
      const value = low * (high / low) ** (place / 4);
      context.fillText(duration(value), LEFT - 6, y(value) + 4);
      context.beginPath();
      context.moveTo(LEFT, y(value));
      context.lineTo(width - 8, y(value));
      context.stroke();
    }
    context.textAlign = "center";
    for (let place = 1; place < 8; place++) {
      const ms = from + ((to - from) * place) / 8;
      context.fillText(clock(ms).slice(0, 5), x(ms), height - 5);
    }
    const [good, bad] = [token("accent"), token("bad")];
    for (const point of points) {
      context.fillStyle = point.bad ? bad : good;
      context.globalAlpha = 0.75;
      context.beginPath();
      if (point.bad) context.rect(x(point.ms) - 3, y(point.took) - 3, 6, 6);
      else context.arc(x(point.ms), y(point.took), 2.6, 0, 7);
      context.fill();
    }
    context.globalAlpha = 1;
    if (drag.current !== null && hover) {
      context.fillStyle = token("accent");
      context.globalAlpha = 0.2;
      context.fillRect(Math.min(drag.current, hover.x), 0, Math.abs(hover.x - drag.current), height - BOTTOM);
    }
  }, [points, width, height, theme.value, hover, from, to]);

  const near = hover && points.map((point) => ({ point, far: Math.hypot(x(point.ms) - hover.x, y(point.took) - hover.y) })).sort((a, b) => a.far - b.far)[0];
  const at = near && near.far < 10 ? near.point : null;
  const up = (event: MouseEvent) => {
    const start = drag.current;
    drag.current = null;
    if (start !== null && Math.abs(event.offsetX - start) > 6) setRange(moment(Math.min(start, event.offsetX)), moment(Math.max(start, event.offsetX)));
    else if (at) onOpen(at);
  };
  return (
    <div class="chart">
      <canvas ref={canvas} role="img" aria-label={`${points.length} traces by start and duration, ${points.filter((point) => point.bad).length} with errors`} style={{ width, height, cursor: at ? "pointer" : "crosshair" }} onMouseDown={(event) => (drag.current = event.offsetX)} onMouseUp={up} onMouseMove={(event) => setHover({ x: event.offsetX, y: event.offsetY })} onMouseLeave={() => { drag.current = null; setHover(null); }} />
      {at && hover && (
        <div class="note" style={{ left: Math.min(hover.x + 12, width - 260), top: Math.max(0, hover.y - 50) }}>
          <div class="soft">{dateTime(at.ms)}</div>
          <b>{at.name}</b> {duration(at.took)} {at.bad && <span class="bad">with errors</span>}
        </div>
      )}
    </div>
  );
}
