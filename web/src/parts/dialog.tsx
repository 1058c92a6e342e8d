// Something over the page that takes the keyboard until it is closed, and gives it back.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

export function Dialog({ label, onClose, children }: { label: string; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    (box.current?.querySelector<HTMLElement>("input") ?? box.current)?.focus();
    return () => before?.focus();
  }, []);
  return (
    <div class="veil" onMouseDown={(event) => event.target === event.currentTarget && onClose()}>
      <div class="dialog" role="dialog" aria-modal="true" aria-label={label} tabIndex={-1} ref={box} onKeyDown={(event) => event.key === "Escape" && onClose()}>
        {children}
      </div>
    </div>
  );
}
