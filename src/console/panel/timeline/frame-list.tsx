import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Workbench } from "../../shell/workbench.ts";
import type { Rows } from "./filtered-rows.ts";
import { FrameHeadings, FrameRow } from "./frame-row.tsx";

/** Height of a row, in pixels; the style sheet has the same. */
export const ROW_HEIGHT_PX = 24;

/** Rows drawn above and below the visible part, so that short scrolling finds them. */
const OVERSCAN_ROWS = 12;

interface FrameListProps {
  readonly workbench: Workbench;
  readonly rows: Rows;
  /** The number of the selected frame. */
  readonly chosen: number | undefined;
  choose(number: number | undefined): void;
  /** The filter: while it is the same, the list stays where it is. */
  readonly filtered: unknown;
  /** The oldest number in the log; when it increases, all rows move up. */
  readonly first: number;
}

/** A virtual list: draws only the visible rows; the rest is empty space. */
export function FrameList({ workbench, rows, chosen, choose, filtered, first }: FrameListProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 0 });
  const following = useRef(true);
  const { count } = rows;

  /** Does nothing if the list was removed: its last scroll event arrives afterwards. */
  function updateView(): void {
    if (scroller.current === null) return;
    const { scrollTop, clientHeight } = scroller.current;
    // The header row covers the height of the first row.
    following.current = (count + 1) * ROW_HEIGHT_PX - scrollTop - clientHeight < 2 * ROW_HEIGHT_PX;
    setView((before) =>
      before.top === scrollTop && before.height === clientHeight
        ? before
        : { top: scrollTop, height: clientHeight },
    );
  }

  // The selected frame stays visible when the list becomes shorter, as it does for the details.
  const keepInView = useRef(() => {});
  keepInView.current = () => {
    if (chosen !== undefined) show(rows.indexOf(chosen));
    else if (following.current) scroller.current!.scrollTop = scroller.current!.scrollHeight;
  };
  useEffect(() => {
    // The observer may be called once more after the list was removed.
    const element = scroller.current!;
    const resized = new ResizeObserver(() => {
      if (scroller.current === null) return;
      keepInView.current();
      updateView();
    });
    resized.observe(element);
    return () => resized.disconnect();
  }, []);
  // The list follows its end while that is visible and no frame is selected; otherwise it keeps its position.
  useLayoutEffect(() => {
    if (!following.current || chosen !== undefined) return;
    const element = scroller.current!;
    element.scrollTop = element.scrollHeight;
    setView({ top: element.scrollTop, height: element.clientHeight });
  }, [count, filtered]);
  const firstBefore = useRef(first);
  useLayoutEffect(() => {
    const dropped = first - firstBefore.current;
    firstBefore.current = first;
    const keepsPosition = !following.current || chosen !== undefined;
    if (dropped > 0 && keepsPosition && filtered === undefined)
      scroller.current!.scrollTop -= dropped * ROW_HEIGHT_PX;
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
    // Rows are reused for other frames, so the list has the focus, and names the active row.
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
  // A row that leaves at one end is reused at the other, without creating new nodes.
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
      // The active row must be in the document; one outside the visible part is not.
      aria-activedescendant={isChosenDrawn ? `frame-${chosen}` : undefined}
      onScroll={updateView}
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
