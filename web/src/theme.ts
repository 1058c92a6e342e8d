// Light or dark, and the colours that canvases need as values.
import { signal } from "@preact/signals";

type Theme = "light" | "dark";

const system = matchMedia("(prefers-color-scheme: dark)");
const stored = (): Theme | null => {
  const value = localStorage.getItem("oriel.theme");
  return value === "light" || value === "dark" ? value : null;
};

export const theme = signal<Theme>(stored() ?? (system.matches ? "dark" : "light"));

function apply(): void {
  document.documentElement.dataset.theme = theme.value;
}

apply();
theme.subscribe(apply);
system.addEventListener("change", () => {
  if (!stored()) theme.value = system.matches ? "dark" : "light";
});

export function toggleTheme(): void {
  theme.value = theme.value === "dark" ? "light" : "dark";
  localStorage.setItem("oriel.theme", theme.value);
}

export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function palette(): string[] {
  return token("series").split(",").map((colour) => colour.trim());
}

/** The same name has the same colour on every page. */
export function colourOf(name: string): string {
  let hash = 2166136261;
  for (let place = 0; place < name.length; place++) hash = Math.imul(hash ^ name.charCodeAt(place), 16777619);
  const colours = palette();
  return colours[(hash >>> 0) % (colours.length - 1)];
}
