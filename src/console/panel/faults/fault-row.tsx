import type { ComponentChildren } from "preact";
import type { FaultAction } from "./actions.ts";

interface FaultRowProps {
  readonly action: FaultAction;
  /** Why the fault is not possible now. */
  readonly obstacle: string | undefined;
  run(): void;
  /** The options of the fault. */
  readonly children?: ComponentChildren;
}

/** One fault: the button, its key, its options, and the expected effect. */
export function FaultRow({ action, obstacle, run, children }: FaultRowProps) {
  const { name, key, title, about } = action;
  return (
    <li class="fault-row">
      <button
        type="button"
        class="plain small"
        id={`fault-${name}`}
        aria-describedby={`about-${name}`}
        aria-keyshortcuts={key}
        aria-disabled={obstacle !== undefined}
        title={obstacle}
        onClick={run}
      >
        {title}
        <span aria-hidden="true">
          <kbd>{key}</kbd>
        </span>
      </button>
      <div>
        {children}
        <span class="fine" id={`about-${name}`}>
          {about}
        </span>
      </div>
    </li>
  );
}
