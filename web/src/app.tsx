// The shell around every page: where one can go, the scope, and the keys.
import { Component, type ComponentChildren } from "preact";
import { lazy } from "./lazy";
import { useEffect, useState } from "preact/hooks";
import { Help } from "./parts/help";
import { onKey } from "./keys";
import { Link } from "./parts/link";
import { Palette } from "./parts/palette";
import { ScopeBar } from "./parts/scope-bar";
import { Empty } from "./parts/states";
import { path } from "./scope";
import { theme, toggleTheme } from "./theme";
import { setUtc, utc } from "./time";
import { Overview } from "./pages/overview";

const Service = lazy(() => import("./pages/service").then((module) => module.Service));
const Metrics = lazy(() => import("./pages/metrics").then((module) => module.Metrics));
const Logs = lazy(() => import("./pages/logs").then((module) => module.Logs));
const Traces = lazy(() => import("./pages/traces").then((module) => module.Traces));
const TracePage = lazy(() => import("./pages/trace").then((module) => module.TracePage));
const ServiceMap = lazy(() => import("./pages/map").then((module) => module.ServiceMap));
const Profiles = lazy(() => import("./pages/profiles").then((module) => module.Profiles));
const StatusPage = lazy(() => import("./pages/status").then((module) => module.StatusPage));

export interface Place {
  path: string;
  name: string;
  icon: string;
  key: string;
}

export const PLACES: Place[] = [
  { path: "/", name: "Overview", icon: "◫", key: "o" },
  { path: "/service", name: "Service", icon: "◉", key: "s" },
  { path: "/metrics-explorer", name: "Metrics", icon: "∿", key: "m" },
  { path: "/logs", name: "Logs", icon: "≡", key: "l" },
  { path: "/traces", name: "Traces", icon: "⊢", key: "t" },
  { path: "/map", name: "Service map", icon: "⌬", key: "p" },
  { path: "/profiles", name: "Profiles", icon: "▤", key: "f" },
  { path: "/status", name: "Status", icon: "✓", key: "h" },
];

function Page() {
  switch (path.value) {
    case "/":
      return <Overview />;
    case "/service":
      return <Service />;
    case "/metrics-explorer":
      return <Metrics />;
    case "/logs":
      return <Logs />;
    case "/traces":
      return <Traces />;
    case "/trace":
      return <TracePage />;
    case "/map":
      return <ServiceMap />;
    case "/profiles":
      return <Profiles />;
    case "/status":
      return <StatusPage />;
    default:
      return (
        <Empty title="There is no such page">
          <Link to="/">Go to the overview</Link>
        </Empty>
      );
  }
}

/** A page that breaks says so and leaves the others usable. */
class Guard extends Component<{ at: string; children: ComponentChildren }, { error?: Error; at?: string }> {
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  componentDidUpdate(before: { at: string }) {
    if (before.at !== this.props.at && this.state.error) this.setState({ error: undefined });
  }
  render() {
    if (!this.state.error) return this.props.children;
    return (
      <div class="state error" role="alert">
        <b>This page stopped working</b>
        <pre>{String(this.state.error.message)}</pre>
        <button class="button" onClick={() => this.setState({ error: undefined })}>Show it again</button>
      </div>
    );
  }
}

export function App() {
  const [over, setOver] = useState<"palette" | "help" | null>(null);
  useEffect(() => onKey(setOver), []);
  return (
    <div class="shell">
      <nav class="rail" aria-label="Pages">
        <Link class="brand" to="/" aria-label="Oriel, to the overview">
          <svg width="18" height="18" viewBox="0 0 16 16" aria-hidden="true"><path fill="var(--accent)" d="M3 15V6a5 5 0 0 1 10 0v9h-4V8H7v7z" /></svg>
          <span class="label">Oriel</span>
        </Link>
        {PLACES.map((place) => (
          <Link key={place.path} class="item" to={place.path} title={`${place.name} (g ${place.key})`} aria-current={path.value === place.path || (place.path === "/traces" && path.value === "/trace") ? "page" : undefined}>
            <span aria-hidden="true" style={{ width: 16, textAlign: "center" }}>{place.icon}</span>
            <span class="label">{place.name}</span>
          </Link>
        ))}
        <div class="foot">
          <button class="button quiet" onClick={() => setUtc(!utc.value)} title="Times in your zone or UTC">{utc.value ? "UTC" : "Local"}<span class="label"> time</span></button>
          <button class="button quiet" onClick={toggleTheme} title="Light or dark (d)">{theme.value === "dark" ? "☾" : "☀"}<span class="label"> {theme.value}</span></button>
          <button class="button quiet" onClick={() => setOver("help")} title="Keyboard (?)">?<span class="label"> keys</span></button>
        </div>
      </nav>
      <ScopeBar openPalette={() => setOver("palette")} />
      <main class="page" tabIndex={-1}>
        <Guard at={path.value}>
          <Page />
        </Guard>
      </main>
      {over === "palette" && <Palette onClose={() => setOver(null)} />}
      {over === "help" && <Help onClose={() => setOver(null)} />}
    </div>
  );
}
