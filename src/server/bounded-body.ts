/**
 * Reads the body of another server's answer as UTF-8. Throws for more than `maxBytes`, without reading the rest, for what is no UTF-8, and
 * when `signal` aborts, however slowly the body comes.
 */
export async function readBoundedText(
  answer: Response,
  maxBytes: number,
  signal: AbortSignal,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = answer.body?.getReader();
  const abort = () => void reader?.cancel().catch(() => {});
  signal.addEventListener("abort", abort);
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
      signal.throwIfAborted();
      if (done) return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
      bytes += value!.length;
      if (bytes > maxBytes) throw new Error(`its answer has over ${maxBytes} bytes`);
      chunks.push(value!);
    }
  } finally {
    signal.removeEventListener("abort", abort);
    abort();
  }
}
