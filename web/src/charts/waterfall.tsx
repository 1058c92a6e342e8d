// A trace as a waterfall on a canvas: only the rows in sight are drawn, so that 50,000 spans scroll as smoothly as fifty.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Span, Trace } from "../api/tempo";
import { colourOf, theme, token } from "../theme";
import { duration } from "../time";

const ROW = 22;
const NAMES = 340;

interface Props {
  trace: Trace;
  selected: string;
  find: string;
  onSelect: (span: Span) => void;
}

/** Rows in sight after folding. */
function visible(trace: Trace, folded: Set<string>): Span[] {
  if (folded.size === 0) return trace.spans;
  const rows: Span[] = [];
  let hiddenBelow = Infinity;
  for (const span of trace.spans) {
    if (span.depth > hiddenBelow) continue;
    hiddenBelow = folded.has(span.id) ? span.depth : Infinity;
    rows.push(span);
  }
  return rows;
}

export function Waterfall({ trace, selected, find, onSelect }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 900, height: 400 });
  const [top, setTop] = useState(0);
  const [folded, setFolded] = useState<Set<string>>(new Set());
  const [hover, setHover] = useState(-1);
  const rows = useMemo(() => visible(trace, folded), [trace, folded]);
  const at = rows.findIndex((span) => span.id === selected);

  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const element = scroller.current;
    if (!element || at < 0) return;
    const y = at * ROW;
    if (y < element.scrollTop || y > element.scrollTop + element.clientHeight - ROW) element.scrollTop = Math.max(0, y - element.clientHeight / 3);
  }, [selected, trace]);

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context) draw(context, { trace, rows, size, top, selected, hover, folded, find: find.toLowerCase() });
  }, [trace, rows, size, top, selected, hover, folded, find, theme.value]);

  const rowAt = (event: MouseEvent) => Math.floor((event.clientY - scroller.current!.getBoundingClientRect().top + top) / ROW);
  const fold = (span: Span, on?: boolean) => {
    const next = new Set(folded);
    if (on ?? !next.has(span.id)) next.add(span.id);
    else next.delete(span.id);
    setFolded(next);
  };
  const click = (event: MouseEvent) => {
    const span = rows[rowAt(event)];
    if (!span) return;
    const x = event.clientX - scroller.current!.getBoundingClientRect().left;
    if (span.children.length && x < 16 + Math.min(span.depth, 14) * 12 + 14 && x > Math.min(span.depth, 14) * 12) fold(span);
    else onSelect(span);
  };
  const keys = (event: KeyboardEvent) => {
    const span = rows[at];
    if (event.key === "ArrowDown") onSelect(rows[Math.min(rows.length - 1, at + 1)]);
    else if (event.key === "ArrowUp") onSelect(rows[Math.max(0, at - 1)]);
    else if (event.key === "ArrowLeft" && span) fold(span, true);
    else if (event.key === "ArrowRight" && span) fold(span, false);
    else if (event.key === "Home") onSelect(rows[0]);
    else if (event.key === "End") onSelect(rows[rows.length - 1]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const span = rows[at];
  return (
    <div ref={scroller} class="waterfall" style={{ overflow: "auto", flex: 1, minHeight: 180, position: "relative" }} tabIndex={0} role="application" aria-label={`Waterfall of ${trace.spans.length} spans; arrow keys move`} onScroll={(event) => setTop(event.currentTarget.scrollTop)} onKeyDown={keys}>
      <div style={{ height: rows.length * ROW, position: "relative" }}>
        <canvas ref={canvas} style={{ position: "sticky", top: 0, width: size.width, height: size.height }} onClick={click} onMouseMove={(event) => setHover(rowAt(event))} onMouseLeave={() => setHover(-1)} />
      </div>
      <div class="hidden-visually" aria-live="polite">{span ? `${span.service} ${span.name}, ${duration(span.duration)}, depth ${span.depth}${span.error ? ", error" : ""}` : ""}</div>
    </div>
  );
}

interface Scene {
  trace: Trace;
  rows: Span[];
  size: { width: number; height: number };
  top: number;
  selected: string;
  hover: number;
  folded: Set<string>;
  find: string;
}

function draw(context: CanvasRenderingContext2D, scene: Scene): void {
  const { rows, size, top, trace } = scene;
  const scale = devicePixelRatio;
  context.canvas.width = size.width * scale;
  context.canvas.height = size.height * scale;
  context.scale(scale, scale);
  context.textBaseline = "middle";
  const colours = { text: token("text"), soft: token("text-soft"), line: token("line"), bad: token("bad"), sunken: token("sunken"), accent: token("accent-soft"), strong: token("accent"), warn: token("warn") };
  const bars = size.width - NAMES - 80;
  const total = Math.max(1, trace.duration);
  const first = Math.floor(top / ROW);
  const last = Math.min(rows.length, Math.ceil((top + size.height) / ROW));
  for (let place = first; place < last; place++) {
    const span = rows[place];
    const y = place * ROW - top;
    const middle = y + ROW / 2;
    if (span.id === scene.selected || place === scene.hover) {
      context.fillStyle = span.id === scene.selected ? colours.accent : colours.sunken;
      context.fillRect(0, y, size.width, ROW);
    }
    const dim = scene.find !== "" && !`${span.service} ${span.name} ${span.message}`.toLowerCase().includes(scene.find);
    context.globalAlpha = dim ? 0.3 : 1;
    const indent = Math.min(span.depth, 14) * 12 + 16;
    context.font = "11px system-ui";
    if (span.children.length) {
      context.fillStyle = colours.soft;
      context.fillText(scene.folded.has(span.id) ? "▸" : "▾", indent - 12, middle);
    }
    context.fillStyle = colourOf(span.service);
    context.fillRect(indent, y + 5, 3, ROW - 10);
    context.save();
    context.beginPath();
    context.rect(indent + 7, y, NAMES - indent - 10, ROW);
    context.clip();
    context.fillStyle = span.error ? colours.bad : colours.text;
    context.font = "600 11px system-ui";
    context.fillText(span.service, indent + 7, middle);
    const wide = context.measureText(`${span.service} `).width;
    context.font = "11px system-ui";
    context.fillText(span.name + (span.orphan ? " (parent missing)" : ""), indent + 7 + wide, middle);
    context.restore();
    const left = NAMES + (Math.max(0, span.start) / total) * bars;
    const width = Math.max(2, (span.duration / total) * bars);
    context.fillStyle = span.error ? colours.bad : colourOf(span.service);
    context.fillRect(left, y + 6, width, ROW - 12);
    if (span.critical) {
      context.fillStyle = colours.text;
      context.fillRect(left, y + ROW - 5, width, 1.5);
    }
    context.fillStyle = colours.warn;
    for (const event of span.events.slice(0, 20)) context.fillRect(NAMES + (event.ns / total) * bars - 1, y + 4, 2.5, ROW - 8);
    context.fillStyle = colours.soft;
    const text = duration(span.duration);
    const beside = left + width + 5;
    context.fillText(text, beside + 60 < size.width ? beside : left - context.measureText(text).width - 5, middle);
    context.globalAlpha = 1;
  }
  context.strokeStyle = colours.line;
  context.beginPath();
  for (let quarter = 0; quarter <= 4; quarter++) {
    const x = NAMES + (bars * quarter) / 4;
    context.moveTo(x, 0);
    context.lineTo(x, size.height);
  }
  context.stroke();
}
