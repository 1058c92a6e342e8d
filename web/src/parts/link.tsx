// A link that keeps the scope and stays in the page.
import type { ComponentChildren, JSX } from "preact";
import { href, type Scope } from "../scope";
import { follow } from "./menu";

type Props = { to: string; change?: Partial<Scope>; children: ComponentChildren } & Omit<JSX.HTMLAttributes<HTMLAnchorElement>, "href" | "children">;

export function Link({ to, change, children, ...rest }: Props) {
  const url = href(to, change);
  return (
    <a {...rest} href={url} onClick={(event) => follow(event as unknown as MouseEvent, url)}>
      {children}
    </a>
  );
}
