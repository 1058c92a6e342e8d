// A line so small that it needs no axis: the shape of a number over the range.
import { useEffect, useRef } from "preact/hooks";
import { theme, token } from "../theme";

export function Spark({ values, colour, width = 110, height = 26, label }: { values: number[]; colour?: string; width?: number; height?: number; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const scale = devicePixelRatio;
    context.canvas.width = width * scale;
    context.canvas.height = height * scale;
    context.scale(scale, scale);
    context.clearRect(0, 0, width, height);
    const high = Math.max(...values, 0) || 1;
    const x = (place: number) => (place / Math.max(1, values.length - 1)) * (width - 2) + 1;
    const y = (value: number) => height - 2 - (value / high) * (height - 5);
    context.beginPath();
    values.forEach((value, place) => (place ? context.lineTo(x(place), y(value)) : context.moveTo(x(place), y(value))));
    context.strokeStyle = colour ?? token("accent");
    context.lineWidth = 1.3;
    context.stroke();
    context.lineTo(width - 1, height - 1);
    context.lineTo(1, height - 1);
    context.closePath();
    context.globalAlpha = 0.13;
    context.fillStyle = colour ?? token("accent");
    context.fill();
  }, [values, colour, width, height, theme.value]);
  return <canvas ref={canvas} style={{ width, height }} role="img" aria-label={label} />;
}
