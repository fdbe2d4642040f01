import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Workbench } from "../../shell/workbench.ts";
import type { Rows } from "./filtered-rows.ts";
import { FrameHeadings, FrameRow } from "./frame-row.tsx";

/** Height of a row, in pixels; the style sheet has the same. */
export const ROW_HEIGHT_PX = 24;

/** Rows drawn above and below what is in view, so that a small step finds them there. */
const OVERSCAN_ROWS = 12;

interface FrameListProps {
  readonly workbench: Workbench;
  readonly rows: Rows;
  /** The number of the frame that is looked at. */
  readonly chosen: number | undefined;
  choose(number: number | undefined): void;
  /** The filter: while it is the same, the list stays where it is. */
  readonly filtered: unknown;
  /** The oldest number there is, with which all rows move up when it grows. */
  readonly first: number;
}

/** As many rows as fit, of however many there are: the rest is only room. */
export function FrameList({ workbench, rows, chosen, choose, filtered, first }: FrameListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 0 });
  const following = useRef(true);
  const { count } = rows;

  /** Nothing when the list has gone: its last scrolling is told afterwards. */
  function look(): void {
    if (scroller.current === null) return;
    const { scrollTop, clientHeight } = scroller.current;
    // The row of headings lies over the first row's height.
    following.current = (count + 1) * ROW_HEIGHT_PX - scrollTop - clientHeight < 2 * ROW_HEIGHT_PX;
    setView((before) =>
      before.top === scrollTop && before.height === clientHeight
        ? before
        : { top: scrollTop, height: clientHeight },
    );
  }

  // What is looked at stays in view when the list gets lower, as it does for its details.
  const keepInView = useRef(() => {});
  keepInView.current = () => {
    if (chosen !== undefined) show(rows.indexOf(chosen));
    else if (following.current) scroller.current!.scrollTop = scroller.current!.scrollHeight;
  };
  useEffect(() => {
    // It is told once more when the list has gone already.
    const element = scroller.current!;
    const resized = new ResizeObserver(() => {
      if (scroller.current === null) return;
      keepInView.current();
      look();
    });
    resized.observe(element);
    return () => resized.disconnect();
  }, []);
  // The end is followed while it is in view and no frame is chosen; otherwise what is looked at stays in its place.
  useLayoutEffect(() => {
    if (!following.current || chosen !== undefined) return;
    const element = scroller.current!;
    element.scrollTop = element.scrollHeight;
    setView({ top: element.scrollTop, height: element.clientHeight });
  }, [count, filtered]);
  const firstBefore = useRef(first);
  useLayoutEffect(() => {
    const gone = first - firstBefore.current;
    firstBefore.current = first;
    const stays = !following.current || chosen !== undefined;
    if (gone > 0 && stays && filtered === undefined) scroller.current!.scrollTop -= gone * ROW_HEIGHT_PX;
  }, [first]);

  function show(index: number): void {
    const element = scroller.current!;
    const top = index * ROW_HEIGHT_PX;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + 2 * ROW_HEIGHT_PX > element.scrollTop + element.clientHeight)
      element.scrollTop = top + 2 * ROW_HEIGHT_PX - element.clientHeight;
  }

  function pick(number: number): void {
    choose(number);
    // A row may show another frame in a moment: the list has the focus, and says which row is meant.
    scroller.current!.focus({ preventScroll: true });
  }

  function onKeyDown(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(view.height / ROW_HEIGHT_PX) - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -count,
      End: count,
    };
    if (event.key === "Escape" && chosen !== undefined) choose(undefined);
    const step = steps[event.key];
    if (step === undefined || count === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const from = chosen === undefined ? (step > 0 ? -1 : count) : rows.indexOf(chosen);
    const index = Math.min(count - 1, Math.max(0, from + step));
    choose(rows.frameAt(index)?.number);
    show(index);
  }

  const top = Math.max(0, Math.floor(view.top / ROW_HEIGHT_PX) - OVERSCAN_ROWS);
  const end = Math.min(count, Math.ceil((view.top + view.height) / ROW_HEIGHT_PX) + OVERSCAN_ROWS);
  // A row that goes out at one end comes in at the other: nothing is made anew, only written over.
  const slots = Math.ceil(view.height / ROW_HEIGHT_PX) + 2 * OVERSCAN_ROWS + 2;
  const drawn = [];
  let isChosenDrawn = false;
  for (let index = top; index < end; index++) {
    const frame = rows.frameAt(index);
    if (frame === undefined) continue;
    const before = index > 0 ? rows.frameAt(index - 1) : undefined;
    if (frame.number === chosen) isChosenDrawn = true;
    drawn.push(
      <FrameRow
        key={index % slots}
        name={workbench.nameOf(frame.client)}
        tone={workbench.colorIndexOf(frame.client)}
        frame={frame}
        index={index}
        delta={before === undefined ? undefined : frame.at - before.at}
        isChosen={frame.number === chosen}
        choose={pick}
      />,
    );
  }
  return (
    <div
      class="frame-list"
      id="frame-list"
      role="grid"
      tabIndex={0}
      ref={scroller}
      aria-label="Frames"
      aria-rowcount={count + 1}
      // It must be in the document, and one that was scrolled away is not.
      aria-activedescendant={isChosenDrawn ? `frame-${chosen}` : undefined}
      onScroll={look}
      onKeyDown={onKeyDown}
    >
      <FrameHeadings />
      <div class="frame-room" role="presentation" style={{ height: `${count * ROW_HEIGHT_PX}px` }}>
        <div role="rowgroup" style={{ transform: `translateY(${top * ROW_HEIGHT_PX}px)` }}>
          {drawn}
        </div>
      </div>
    </div>
  );
}
