// Where the list of messages stands: at its end while that is in view, and otherwise where it is read.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { TestClient } from "../../client/test-client.ts";
import type { Row, Transcript } from "../../client/transcript.ts";
import { pluralize } from "../../format.ts";

/** Closer to the end than this, in pixels, the view follows new messages. */
const NEAR_END_PX = 80;

/** More new messages than this at once are announced as a number, not read out one by one. */
const MAX_ANNOUNCED_MESSAGES = 3;

/** Keeps the end in view while it is looked at, what is read in its place when older messages come, and tells what was seen. */
export function useAutoScroll(client: TestClient, transcript: Transcript, user: string) {
  const scroller = useRef<HTMLElement>(null);
  const announcer = useRef<HTMLParagraphElement>(null);
  const [hasNewer, setNewer] = useState(false);
  /** How it was after the last drawing, or the last scrolling. */
  const before = useRef<{ height: number; following: boolean; shown?: Transcript; hasNewer: boolean }>({
    height: 0,
    following: true,
    hasNewer: false,
  });

  function atEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = scroller.current!;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  function toEnd(): void {
    scroller.current!.scrollTop = scroller.current!.scrollHeight;
    before.current.following = true;
    showNewer(false);
  }

  function showNewer(newer: boolean): void {
    before.current.hasNewer = newer;
    setNewer(newer);
  }

  function reportSeen(): void {
    const { stored } = client.current().transcript;
    const newest = stored[stored.length - 1]?.seq;
    if (newest !== undefined && document.hasFocus() && atEnd())
      client.dispatch({ type: "seen", seq: newest });
  }

  useEffect(() => {
    const element = scroller.current!;
    const onScroll = () => {
      before.current.following = atEnd();
      if (before.current.following) showNewer(false);
      reportSeen();
    };
    // The composer grows and notices appear: what was at the end stays at the end.
    const resized = new ResizeObserver(() => {
      if (!before.current.hasNewer && before.current.following) element.scrollTop = element.scrollHeight;
    });
    element.addEventListener("scroll", onScroll);
    addEventListener("focus", reportSeen);
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", onScroll);
      removeEventListener("focus", reportSeen);
      resized.disconnect();
    };
  }, [client]);

  useLayoutEffect(() => {
    const element = scroller.current!;
    const { shown, height, following } = before.current;
    const oldest = transcript.stored[0]?.seq ?? transcript.newest + 1;
    const shownFirst = shown?.stored[0]?.seq;
    const prepended = shownFirst !== undefined && oldest < shownFirst;
    const wroteMore = transcript.outbox.length > (shown?.outbox.length ?? 0);
    if (wroteMore || (following && !prepended)) element.scrollTop = element.scrollHeight;
    else if (prepended) element.scrollTop += element.scrollHeight - height;
    const fresh = arrived(shown, transcript).filter((row) => row.from !== user);
    if (fresh.length > 0) {
      const words = fresh.map((row) => `${row.from}: ${row.text}`).join(". ");
      announcer.current!.textContent =
        fresh.length > MAX_ANNOUNCED_MESSAGES ? pluralize(fresh.length, "new message") : words;
      if (!following) showNewer(true);
    }
    const isAtEnd = atEnd();
    before.current = {
      ...before.current,
      height: element.scrollHeight,
      following: isAtEnd,
      shown: transcript,
    };
    reportSeen();
  });

  return { scroller, announcer, hasNewer, toEnd };
}

/** Messages after the newest one that was there before; none when a conversation is shown for the first time. */
function arrived(before: Transcript | undefined, now: Transcript): readonly Row[] {
  const newest = before?.stored[before.stored.length - 1]?.seq;
  if (before === undefined) return [];
  if (newest === undefined) return now.stored.length === 1 ? now.stored : [];
  const known = now.stored.findLastIndex((row) => row.seq <= newest);
  return known === -1 ? [] : now.stored.slice(known + 1);
}
