// The scroll position of the message list: at its end while that is visible, otherwise where the person reads.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Entry, MessageList } from "../../../client/index.ts";
import type { Room } from "../../client/room.ts";
import { pluralize } from "../../format.ts";
import { endingOf } from "./stream-state.tsx";

/** Distance to the end, in pixels, within which the view follows new messages. */
const NEAR_END_PX = 80;

/** If more messages than this arrive at once, screen readers get their number, not each text. */
const MAX_ANNOUNCED_MESSAGES = 3;

interface Before {
  readonly height: number;
  readonly following: boolean;
  readonly entries: readonly Entry[] | undefined;
  /** New messages below the visible part. */
  readonly newer: number;
  /** The first messages were shown, and the view went to the first new one. */
  readonly isPlaced: boolean;
}

/** Follows the end while it is visible, also while its text grows; keeps the position when older messages are loaded; reports what was seen. */
export function useAutoScroll(room: Room, list: MessageList) {
  const scroller = useRef<HTMLElement>(null);
  const announcer = useRef<HTMLParagraphElement>(null);
  const [newer, setNewer] = useState(0);
  /** The position after the last redraw or scroll. */
  const before = useRef<Before>({
    height: 0,
    following: true,
    entries: undefined,
    newer: 0,
    isPlaced: false,
  });

  function atEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = scroller.current!;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  function toEnd(): void {
    scroller.current!.scrollTop = scroller.current!.scrollHeight;
    before.current = { ...before.current, following: true };
    showNewer(0);
  }

  /** The list was scrolled to a message: it stays there. */
  function keepPlace(): void {
    before.current = { ...before.current, following: atEnd() };
  }

  function showNewer(count: number): void {
    before.current = { ...before.current, newer: count };
    setNewer(count);
  }

  function reportSeen(): void {
    // Events may come once more after the list was removed.
    if (scroller.current === null) return;
    const newest = room.list.peek().entries.findLast(({ seq }) => seq !== undefined)?.seq;
    if (newest !== undefined && document.hasFocus() && isVisible(scroller.current) && atEnd())
      room.seen(newest);
  }

  useEffect(() => {
    const element = scroller.current!;
    const onScroll = () => {
      if (scroller.current === null) return;
      before.current = { ...before.current, following: atEnd() };
      if (before.current.following) showNewer(0);
      reportSeen();
    };
    // When the composer grows or notices appear, a list at its end stays there. A narrow screen may have shown another part.
    const resized = new ResizeObserver(() => {
      if (before.current.newer === 0 && before.current.following) element.scrollTop = element.scrollHeight;
      reportSeen();
    });
    element.addEventListener("scroll", onScroll);
    addEventListener("focus", reportSeen);
    resized.observe(element);
    return () => {
      element.removeEventListener("scroll", onScroll);
      removeEventListener("focus", reportSeen);
      resized.disconnect();
    };
  }, [room]);

  useLayoutEffect(() => {
    const element = scroller.current!;
    const { entries: shown, height, following, isPlaced } = before.current;
    const { entries } = list;
    const prepended = shown?.[0]?.seq !== undefined && entries.indexOf(shown[0]) > 0;
    const wroteMore = entries.filter(isOwnPending).length > (shown ?? []).filter(isOwnPending).length;
    const isFirst = !isPlaced && list.status === "ready" && entries.length > 0;
    if (isFirst) placeAtNews(element);
    else if (wroteMore || (following && !prepended)) element.scrollTop = element.scrollHeight;
    else if (prepended) element.scrollTop += element.scrollHeight - height;
    const fresh = isPlaced ? arrived(shown ?? [], entries) : [];
    const announced = isPlaced ? [...finished(shown ?? [], entries), ...fresh] : [];
    if (announced.length > 0)
      announcer.current!.textContent =
        announced.length > MAX_ANNOUNCED_MESSAGES
          ? pluralize(announced.length, "new message")
          : announced.map(announcementOf).join(". ");
    if (fresh.length > 0 && !following) showNewer(before.current.newer + fresh.length);
    before.current = {
      ...before.current,
      height: element.scrollHeight,
      following: atEnd(),
      entries,
      isPlaced: isPlaced || isFirst || (list.status === "ready" && entries.length === 0),
    };
    reportSeen();
  });

  return { scroller, announcer, newer, toEnd, keepPlace };
}

/** Scrolls to the first message that is new to the user; to the end if there is none. */
function placeAtNews(element: HTMLElement): void {
  element.scrollTop = element.scrollHeight;
  const line = element.querySelector<HTMLElement>("#unread-line");
  if (line === null) return;
  const above = line.getBoundingClientRect().top - element.getBoundingClientRect().top;
  if (above < 0) element.scrollTop += above;
}

function isOwnPending({ own, state }: Entry): boolean {
  return own && state === "pending";
}

function isVisible(element: HTMLElement): boolean {
  return element.clientHeight > 0 && document.visibilityState === "visible";
}

/** What a screen reader says of a message. One that is being written is read when it is complete, and not word for word before. */
function announcementOf({ from, state, text, stream }: Entry): string {
  if (state === "streaming") return `${from} is writing`;
  const ending = endingOf({ stream }, undefined);
  return `${from}: ${text}${ending === "" ? "" : `, ${ending}`}`;
}

/** Returns the messages of others that were being written, and are complete now. */
function finished(before: readonly Entry[], now: readonly Entry[]): readonly Entry[] {
  const growing = new Set(before.flatMap(({ key, state }) => (state === "streaming" ? [key] : [])));
  if (growing.size === 0) return [];
  return now.filter(({ key, own, state }) => !own && state === "stored" && growing.has(key));
}

/** Returns the messages of others that came after the last known one. Those that are being written stay at the end. */
function arrived(before: readonly Entry[], now: readonly Entry[]): readonly Entry[] {
  const known = new Set(before.map(({ key }) => key));
  const last = now.findLastIndex(({ key, own, state }) => !own && state !== "streaming" && known.has(key));
  return now.slice(last + 1).filter(({ key, own }) => !own && !known.has(key));
}
