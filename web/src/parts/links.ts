// Where a moment, a service or a span leads in the other signals. Every hop is one click, so they are all made here.
import { href, scope } from "../scope";
import type { MenuItem } from "./menu";

/** What else is known of a stretch of time, with the scope as it is. */
export function momentItems(from: number, to: number, service = scope.value.service): MenuItem[] {
  const time = { from: String(Math.round(from)), to: String(Math.round(to)), service, live: false };
  const items = [
    { text: "Traces of this moment", href: href("/traces", time) },
    { text: "Traces with errors of this moment", href: href("/traces", { ...time, view: { status: "error" } }) },
    { text: "Logs of this moment", href: href("/logs", time) },
  ];
  if (service) items.push({ text: `Profile of ${service} in this moment`, href: href("/profiles", time) });
  return items;
}
