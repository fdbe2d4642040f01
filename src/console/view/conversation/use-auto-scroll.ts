// The scroll position of the message list: at its end while that is visible, otherwise where the person reads.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { TestClient } from "../../client/test-client.ts";
import type { Row, Transcript } from "../../client/transcript.ts";
import { pluralize } from "../../format.ts";

/** Distance to the end, in pixels, within which the view follows new messages. */
const NEAR_END_PX = 80;

/** If more messages than this arrive at once, screen readers get their number, not each text. */
const MAX_ANNOUNCED_MESSAGES = 3;

/** Follows the end while it is visible, keeps the position when older messages are loaded, and reports what was seen. */
export function useAutoScroll(client: TestClient, transcript: Transcript, user: string) {
  const scroller = useRef<HTMLElement>(null);
  const announcer = useRef<HTMLParagraphElement>(null);
  const [hasNewer, setNewer] = useState(false);
  /** The position after the last redraw or scroll. */
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
    // When the composer grows or notices appear, a list at its end stays there.
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

/** Returns the messages after the last newest one; none when a conversation is shown for the first time. */
function arrived(before: Transcript | undefined, now: Transcript): readonly Row[] {
  const newest = before?.stored[before.stored.length - 1]?.seq;
  if (before === undefined) return [];
  if (newest === undefined) return now.stored.length === 1 ? now.stored : [];
  const known = now.stored.findLastIndex((row) => row.seq <= newest);
  return known === -1 ? [] : now.stored.slice(known + 1);
}
