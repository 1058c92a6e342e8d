// Names and values of anything; each value offers to filter by it here or in another signal.
import { useState } from "preact/hooks";
import { addFilter, href, scope } from "../scope";
import { Menu, type MenuItem } from "./menu";

export function Pairs({ pairs }: { pairs: [string, string][] }) {
  const [open, setOpen] = useState<{ x: number; y: number; items: MenuItem[]; title: string } | null>(null);
  return (
    <>
      <dl class="pairs">
        {pairs.map(([name, value], place) => [
          <dt key={`n${place}`}>{name}</dt>,
          <dd key={`v${place}`}>
            <button title="Filter or open elsewhere" onClick={(event) => setOpen({ x: event.clientX, y: event.clientY, items: offers(name, value), title: `${name} = ${value.slice(0, 200)}` })}>{value === "" ? "(empty)" : value}</button>
          </dd>,
        ])}
      </dl>
      {open && <Menu {...open} onClose={() => setOpen(null)} />}
    </>
  );
}

function offers(name: string, value: string): MenuItem[] {
  const filter = { name, value, negated: false };
  const elsewhere = (path: string) => href(path, { filters: [...scope.value.filters, filter] });
  const items: MenuItem[] = [
    { text: "Filter by this", act: () => addFilter(name, value) },
    { text: "Leave this out", act: () => addFilter(name, value, true) },
    { text: "Open in logs", href: elsewhere("/logs") },
    { text: "Open in traces", href: elsewhere("/traces") },
    { text: "Open in metrics", href: elsewhere("/metrics") },
    { text: "Copy", act: () => void navigator.clipboard.writeText(value) },
  ];
  if (/^[0-9a-f]{32}$/.test(value)) items.unshift({ text: "Open this trace", href: href("/trace", { trace: value }) });
  return items;
}
