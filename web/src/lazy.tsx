// Parts that are fetched when they are first shown. Smaller than preact/compat's, which would bring all of React's shape along.
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Refused } from "./api/http";
import { Trouble } from "./parts/states";

export function lazy(load: () => Promise<FunctionComponent>): FunctionComponent {
  let loaded: FunctionComponent | null = null;
  return function Lazy() {
    const [, redraw] = useState(0);
    const [error, setError] = useState<Error | null>(null);
    useEffect(() => {
      if (loaded) return;
      load().then(
        (part) => {
          loaded = part;
          redraw((count) => count + 1);
        },
        () => setError(new Refused(0, "A part of the page could not be fetched. Is oriel still running?")),
      );
    }, []);
    if (error) return <Trouble error={error} />;
    const Part = loaded;
    return Part ? <Part /> : <div class="busy" role="progressbar" aria-label="Loading" />;
  };
}
