// A flame graph on a canvas: outermost frame on top, width is share. Click to look inside, Esc or the root to come back.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Flame } from "../api/oriel";
import { format, type Unit } from "../format";
import { colourOf, theme, token } from "../theme";

export interface Frame {
  name: string;
  depth: number;
  /** Share of the whole, from the left. */
  start: number;
  total: number;
  self: number;
  /** In a comparison: the same on the other side. */
  other: number;
}

const ROW = 18;

/** Levels of (offset, total, self, name), offsets from the end of the frame before; a comparison has both sides in each. */
export function frames(flame: Flame): Frame[] {
  const { names, levels } = flame.flamebearer;
  const double = flame.metadata.format === "double";
  const width = double ? 7 : 4;
  const list: Frame[] = [];
  levels.forEach((level, depth) => {
    let left = 0;
    let right = 0;
    for (let place = 0; place + width <= level.length; place += width) {
      left += level[place];
      const total = level[place + 1];
      if (double) right += level[place + 3];
      const other = double ? level[place + 4] : 0;
      list.push({ name: names[level[place + width - 1]], depth, start: left + right, total: total + other, self: level[place + 2] + (double ? level[place + 5] : 0), other });
      left += total;
      right += other;
    }
  });
  return list;
}

export function FlameGraph({ flame, unit, rows, search = "" }: { flame: Flame; unit: Unit; rows?: number; search?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(800);
  const [root, setRoot] = useState<Frame | null>(null);
  const [hover, setHover] = useState<{ frame: Frame; x: number; y: number } | null>(null);
  const list = useMemo(() => frames(flame), [flame]);
  const all = flame.flamebearer.numTicks || 1;
  const depth = list.reduce((deepest, frame) => Math.max(deepest, frame.depth), 0) + 1;
  const height = Math.min(depth, rows ?? depth) * ROW;
  const [from, span] = root ? [root.start, root.total] : [0, all];
  const double = flame.metadata.format === "double";

  useEffect(() => {
    const parent = canvas.current?.parentElement;
    if (!parent) return;
    const observer = new ResizeObserver(() => setWidth(parent.clientWidth));
    observer.observe(parent);
    return () => observer.disconnect();
  }, []);
  useEffect(() => setRoot(null), [flame]);

  const box = (frame: Frame) => {
    const left = Math.max(0, ((frame.start - from) / span) * width);
    const right = Math.min(width, ((frame.start + frame.total - from) / span) * width);
    return { left, wide: right - left };
  };
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    context.canvas.width = width * devicePixelRatio;
    context.canvas.height = height * devicePixelRatio;
    context.scale(devicePixelRatio, devicePixelRatio);
    context.font = "11px system-ui";
    context.textBaseline = "middle";
    const [panel, text] = [token("panel"), token("text")];
    const find = search.toLowerCase();
    for (const frame of list) {
      const { left, wide } = box(frame);
      if (wide < 0.4 || frame.depth * ROW >= height) continue;
      context.globalAlpha = find && !frame.name.toLowerCase().includes(find) ? 0.14 : root && frame.depth < root.depth ? 0.25 : 0.5;
      context.fillStyle = double ? shift(frame, all) : colourOf(frame.name.split(/[.:(]/)[0] + frame.name.length);
      context.fillRect(left, frame.depth * ROW, Math.max(0.5, wide - 0.5), ROW - 1);
      if (wide > 28) {
        context.globalAlpha = 1;
        context.fillStyle = text;
        context.save();
        context.beginPath();
        context.rect(left, frame.depth * ROW, wide - 3, ROW);
        context.clip();
        context.fillText(frame.name, left + 4, frame.depth * ROW + ROW / 2);
        context.restore();
      }
    }
    context.globalAlpha = 1;
    context.strokeStyle = panel;
  }, [list, width, height, root, search, theme.value]);

  const at = (x: number, y: number) => {
    const row = Math.floor(y / ROW);
    return list.find((frame) => {
      const { left, wide } = box(frame);
      return frame.depth === row && x >= left && x <= left + wide;
    });
  };
  const move = (event: MouseEvent) => {
    const frame = at(event.offsetX, event.offsetY);
    setHover(frame ? { frame, x: event.offsetX, y: event.offsetY } : null);
  };
  const click = (event: MouseEvent) => {
    const frame = at(event.offsetX, event.offsetY);
    setRoot(!frame || frame.depth === 0 || frame === root ? null : frame);
  };
  const top = [...list].sort((a, b) => b.self - a.self).slice(0, 3).map((frame) => `${frame.name} ${format(frame.self / all, "percent")}`);
  return (
    <div class="chart" tabIndex={0} onKeyDown={(event) => event.key === "Escape" && setRoot(null)}>
      <canvas ref={canvas} role="img" aria-label={`Flame graph, ${format(all, unit)} in all. Most of its own: ${top.join(", ")}`} style={{ width, height, cursor: "pointer" }} onMouseMove={move} onMouseLeave={() => setHover(null)} onClick={click} />
      {hover && (
        <div class="note" style={{ left: Math.min(hover.x + 10, width - 330), top: Math.min(hover.y + 16, height), maxWidth: 480, overflowWrap: "anywhere" }}>
          <b>{hover.frame.name}</b>
          <div>{format(hover.frame.total, unit)} ({format(hover.frame.total / all, "percent")}), of its own {format(hover.frame.self, unit)}</div>
          {double && <div>{change(hover.frame)}</div>}
        </div>
      )}
    </div>
  );
}

function shift(frame: Frame, all: number): string {
  const before = frame.total - frame.other;
  const grown = (frame.other - before) / Math.max(frame.total, all / 1000);
  return grown > 0.05 ? token("bad") : grown < -0.05 ? token("good") : token("line-strong");
}

function change(frame: Frame): string {
  const before = frame.total - frame.other;
  if (!before) return "only after";
  if (!frame.other) return "only before";
  return `${frame.other >= before ? "+" : ""}${format(frame.other / before - 1, "percent")} after`;
}
