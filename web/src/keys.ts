// The keyboard: one table, which the help shows.
import { PLACES } from "./app";
import { change, go, range, scope, setRange, tick } from "./scope";
import { toggleTheme } from "./theme";

export const KEYS: [string, string][] = [
  ["Ctrl K or /", "find a page, a service, a metric, a trace id"],
  ["g then a letter", "go to a page: " + "o overview, s service, m metrics, l logs, t traces, p map, f profiles, h status"],
  ["r", "ask again"],
  ["v", "live on and off"],
  ["[ and ]", "earlier and later by half the range"],
  ["- and +", "twice and half the range"],
  ["d", "light or dark"],
  ["↑ ↓ ← →", "in a list or trace: move, fold, unfold"],
  ["Enter", "open what is selected"],
  ["Esc", "close"],
  ["?", "this list"],
];

export function onKey(setOver: (over: "palette" | "help" | null) => void): () => void {
  let going = false;
  const handle = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      return setOver("palette");
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (going) {
      going = false;
      const place = PLACES.find((place) => place.key === event.key);
      if (place) go(place.path);
      return;
    }
    if (act(event.key, setOver)) event.preventDefault();
    going = event.key === "g";
  };
  addEventListener("keydown", handle);
  return () => removeEventListener("keydown", handle);
}

function act(key: string, setOver: (over: "palette" | "help" | null) => void): boolean {
  const { from, to } = range.value;
  const span = to - from;
  switch (key) {
    case "/":
      setOver("palette");
      return true;
    case "?":
      setOver("help");
      return true;
    case "Escape":
      setOver(null);
      return false;
    case "r":
      tick.value = Date.now();
      return true;
    case "v":
      change({ live: !scope.value.live });
      return true;
    case "d":
      toggleTheme();
      return true;
    case "[":
      setRange(from - span / 2, to - span / 2);
      return true;
    case "]":
      setRange(from + span / 2, to + span / 2);
      return true;
    case "-":
      setRange(from - span / 2, to + span / 2);
      return true;
    case "+":
      setRange(from + span / 4, to - span / 4);
      return true;
    default:
      return false;
  }
}
