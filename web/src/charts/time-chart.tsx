// Values over time. Drag to zoom the scope; click for what else is known of that moment; exemplars are dots, deploys are marks.
import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { format, type Unit } from "../format";
import { Menu, type MenuItem } from "../parts/menu";
import { range, setRange } from "../scope";
import { palette, theme, token } from "../theme";
import { clock, dateTime, utc } from "../time";

export interface Line {
  name: string;
  values: (number | null)[];
  colour?: string;
  bars?: boolean;
}

export interface Dot {
  ms: number;
  value: number;
  trace: string;
  span?: string;
}

export interface Mark {
  ms: number;
  text: string;
}

interface Props {
  title: string;
  /** Milliseconds. */
  times: number[];
  lines: Line[];
  unit?: Unit;
  height?: number;
  dots?: Dot[];
  marks?: Mark[];
  legend?: boolean;
  /** What a click on a moment offers. */
  menu?: (fromMs: number, toMs: number, line?: Line) => MenuItem[];
  onDot?: (dot: Dot) => void;
}

interface Hover {
  left: number;
  place: number;
  dot?: Dot;
}

export function TimeChart(props: Props) {
  const { times, lines, unit = "none", height = 180, dots = [], marks = [], legend = lines.length > 1 } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [hover, setHover] = useState<Hover | null>(null);
  const [menu, setMenu] = useState<{ x: number; y: number; items: MenuItem[]; title: string } | null>(null);
  const [off, setOff] = useState<Set<string>>(new Set());
  const colours = palette();
  const colour = (line: Line, place: number) => line.colour ?? colours[place % colours.length];
  const { from, to } = range.value;

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const soft = token("text-soft");
    const grid = { stroke: token("line"), width: 1 };
    const chart = new uPlot(
      {
        width: element.clientWidth || 300,
        height,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 5 }, sync: { key: "oriel" } },
        scales: { x: { time: true, range: () => [from / 1000, to / 1000] }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high ?? 1) > 0 ? (high ?? 1) * 1.08 : 1] } },
        axes: [
          { stroke: soft, grid, ticks: grid, font: "11px system-ui", space: 70, values: (_, ticks) => ticks.map((tick) => axisTime(tick * 1000, to - from)) },
          { stroke: soft, grid, ticks: grid, font: "11px system-ui", size: 62, values: (_, ticks) => ticks.map((tick) => format(tick, unit)) },
        ],
        series: [{}, ...lines.map((line, place) => ({ label: line.name, stroke: colour(line, place), width: 1.5, show: !off.has(line.name), points: { show: false }, ...(line.bars ? { paths: uPlot.paths.bars!({ size: [0.9, 40] }), fill: `${colour(line, place)}aa`, width: 0 } : {}) }))],
        hooks: {
          draw: [(chart) => drawMarks(chart, latest.current.marks ?? []), (chart) => drawDots(chart, latest.current.dots ?? [])],
          setSelect: [
            (chart) => {
              if (chart.select.width < 6) return;
              const start = chart.posToVal(chart.select.left, "x") * 1000;
              const end = chart.posToVal(chart.select.left + chart.select.width, "x") * 1000;
              chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              setRange(start, end);
            },
          ],
          setCursor: [(chart) => setHover(hoverAt(chart, latest.current))],
        },
      },
      [times.map((ms) => ms / 1000), ...lines.map((line) => line.values)] as uPlot.AlignedData,
      element,
    );
    plot.current = chart;
    const observer = new ResizeObserver(() => element.clientWidth && chart.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [times, lines, dots, marks, height, unit, theme.value, utc.value, off, from, to]);

  const click = (event: MouseEvent) => {
    const chart = plot.current;
    if (!chart || !hover) return;
    if (hover.dot) {
      props.onDot?.(hover.dot);
      return;
    }
    if (!props.menu || times.length === 0) return;
    const at = times[hover.place];
    const step = times.length > 1 ? times[1] - times[0] : 60_000;
    const items = props.menu(at - step, at + step, nearestLine(chart, props, hover.place, event));
    setMenu({ x: event.clientX, y: event.clientY, items, title: dateTime(at) });
  };

  return (
    <div>
      <div class="chart" ref={host} role="img" aria-label={summary(props)} style={{ minHeight: height, cursor: hover?.dot ? "pointer" : undefined }} onClick={click} onMouseLeave={() => setHover(null)}>
        {hover && times[hover.place] !== undefined && <Note hover={hover} props={props} colour={colour} off={off} />}
      </div>
      {legend && (
        <div class="legend">
          {lines.map((line, place) => (
            <button key={line.name} aria-pressed={!off.has(line.name)} title="Click to show only this one; again for all" onClick={() => setOff(only(off, lines, line.name))}>
              <span class="swatch" style={{ background: colour(line, place) }} />
              <span class="ellipsis">{line.name}</span>
            </button>
          ))}
        </div>
      )}
      {menu && <Menu {...menu} onClose={() => setMenu(null)} />}
    </div>
  );
}

function only(off: Set<string>, lines: Line[], name: string): Set<string> {
  const rest = lines.filter((line) => line.name !== name).map((line) => line.name);
  const alone = rest.every((other) => off.has(other)) && !off.has(name);
  return new Set(alone ? [] : rest);
}

function Note({ hover, props, colour, off }: { hover: Hover; props: Props; colour: (line: Line, place: number) => string; off: Set<string> }) {
  const rows = props.lines
    .map((line, place) => ({ line, place, value: line.values[hover.place] }))
    .filter(({ line, value }) => value !== null && value !== undefined && !off.has(line.name))
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const rightHalf = hover.left > 300;
  return (
    <div class="note" style={rightHalf ? { right: `calc(100% - ${hover.left + 50}px)`, top: 8 } : { left: hover.left + 78, top: 8 }}>
      <div class="soft">{dateTime(props.times[hover.place])}</div>
      {hover.dot && (
        <div>
          exemplar {format(hover.dot.value, props.unit)} – click opens trace <code>{hover.dot.trace.slice(0, 8)}</code>
        </div>
      )}
      {rows.slice(0, 8).map(({ line, place, value }) => (
        <div class="row" key={line.name}>
          <span class="swatch" style={{ background: colour(line, place) }} />
          <span class="grow ellipsis">{line.name}</span>
          <b>{format(value, props.unit)}</b>
        </div>
      ))}
      {rows.length > 8 && <div class="soft">and {rows.length - 8} more</div>}
    </div>
  );
}

function axisTime(ms: number, span: number): string {
  return span > 3 * 86_400_000 ? dateTime(ms).slice(5, 10) : span > 86_400_000 ? dateTime(ms).slice(5, 16) : span > 1_200_000 ? clock(ms).slice(0, 5) : clock(ms);
}

function hoverAt(chart: uPlot, props: Props): Hover | null {
  const { left, top, idx } = chart.cursor;
  if (left === undefined || left < 0 || idx === null || idx === undefined) return null;
  const near = (dot: Dot) => Math.hypot(chart.valToPos(dot.ms / 1000, "x") - left, chart.valToPos(dot.value, "y") - (top ?? 0));
  const dot = (props.dots ?? []).filter((dot) => near(dot) < 9).sort((a, b) => near(a) - near(b))[0];
  return { left, place: idx, dot };
}

function nearestLine(chart: uPlot, props: Props, place: number, event: MouseEvent): Line | undefined {
  const y = event.clientY - chart.over.getBoundingClientRect().top;
  const distance = (line: Line) => {
    const value = line.values[place];
    return value === null || value === undefined ? Infinity : Math.abs(chart.valToPos(value, "y") - y);
  };
  return [...props.lines].sort((a, b) => distance(a) - distance(b))[0];
}

function drawMarks(chart: uPlot, marks: Mark[]): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = token("warn");
  ctx.fillStyle = token("warn");
  ctx.font = `${11 * devicePixelRatio}px system-ui`;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const mark of marks) {
    const x = chart.valToPos(mark.ms / 1000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const wide = ctx.measureText(mark.text).width;
    ctx.fillText(mark.text, Math.min(x + 4 * devicePixelRatio, bbox.left + bbox.width - wide), bbox.top + 10 * devicePixelRatio);
  }
  ctx.restore();
}

function drawDots(chart: uPlot, dots: Dot[]): void {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.fillStyle = token("accent");
  ctx.strokeStyle = token("panel");
  for (const dot of dots) {
    const x = chart.valToPos(dot.ms / 1000, "x", true);
    const y = chart.valToPos(dot.value, "y", true);
    if (x < bbox.left || x > bbox.left + bbox.width || y < bbox.top) continue;
    const size = 4 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x, y + size);
    ctx.lineTo(x - size, y);
    ctx.closePath();
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

/** What the picture shows, for people who hear it. */
function summary(props: Props): string {
  const latest = props.lines.slice(0, 5).map((line) => {
    const known = line.values.filter((value): value is number => value !== null);
    return `${line.name}: latest ${format(known[known.length - 1], props.unit)}, highest ${format(known.reduce((high, value) => Math.max(high, value), -Infinity), props.unit)}`;
  });
  return `${props.title}. ${latest.join("; ")}`;
}
