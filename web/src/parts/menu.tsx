// A small menu at a point: what can be done with what is under the pointer.
import { useEffect, useRef } from "preact/hooks";

export interface MenuItem {
  text: string;
  href?: string;
  act?: () => void;
}

export function Menu({ x, y, items, title, onClose }: { x: number; y: number; items: MenuItem[]; title?: string; onClose: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current!;
    const { width, height } = element.getBoundingClientRect();
    element.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 8))}px`;
    element.style.top = `${Math.max(4, Math.min(y, innerHeight - height - 8))}px`;
    const before = document.activeElement as HTMLElement | null;
    element.querySelector<HTMLElement>("a, button")?.focus();
    const outside = (event: MouseEvent) => !element.contains(event.target as Node) && onClose();
    document.addEventListener("mousedown", outside);
    return () => {
      document.removeEventListener("mousedown", outside);
      before?.focus();
    };
  }, []);
  const keys = (event: KeyboardEvent) => {
    const all = [...box.current!.querySelectorAll<HTMLElement>("a, button")];
    const at = all.indexOf(document.activeElement as HTMLElement);
    if (event.key === "Escape") onClose();
    else if (event.key === "ArrowDown") all[(at + 1) % all.length]?.focus();
    else if (event.key === "ArrowUp") all[(at - 1 + all.length) % all.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="menu" role="menu" ref={box} style={{ left: x, top: y }} onKeyDown={keys}>
      {title && <div class="title">{title}</div>}
      {items.map((item) =>
        item.href ? (
          <a key={item.text} role="menuitem" href={item.href} onClick={(event) => follow(event, item.href!, onClose)}>{item.text}</a>
        ) : (
          <button key={item.text} role="menuitem" onClick={() => { onClose(); item.act?.(); }}>{item.text}</button>
        ),
      )}
    </div>
  );
}

/** Links inside stay in the page; with a modifier key they are the browser's. */
export function follow(event: MouseEvent, url: string, after?: () => void): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  after?.();
  navigate(url);
}

export function navigate(url: string): void {
  history.pushState(null, "", url);
  dispatchEvent(new PopStateEvent("popstate"));
  document.querySelector(".page")?.scrollTo(0, 0);
}
