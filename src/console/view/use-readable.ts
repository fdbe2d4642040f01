import { useEffect, useState } from "preact/hooks";
import type { Readable } from "../../client/index.ts";

/** Returns the present value of a readable of the client library, and draws again when it changes. */
export function useReadable<T>(readable: Readable<T>): T {
  const [, draw] = useState(0);
  useEffect(() => readable.subscribe(() => draw((count) => count + 1)), [readable]);
  return readable.getSnapshot();
}
