/** Outlines on a grid of 16 × 16. */
const PATHS = {
  add: "M8 3v10M3 8h10",
  rename: "M10.5 3.5l2 2L6 12l-2.6.6L4 10z",
  duplicate: "M6 6h7v7H6zM3.5 10H3V3h7v.5",
  close: "M4 4l8 8M12 4l-8 8",
  back: "M10 3L5 8l5 5",
  pause: "M6 4v8M10 4v8",
  play: "M5.5 3.5v9l7-4.5z",
  copy: "M6 5h6v8H6zM4 11V3h6",
  keys: "M2 4.5h12v7H2zM4.5 7h.01M7 7h.01M9.5 7h.01M12 7h.01M5 9.5h6",
  wide: "M9.5 3H13v3.5M7 13H3V9.5M13 3L9 7M3 13l4-4",
  clear: "M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.5 8.5h6l.5-8.5",
  measure: "M2 8h3l2-4 2 8 2-4h3",
  send: "M3 8l10-5-3.5 10L7.5 9z",
  reply: "M6.5 3.5L3 7l3.5 3.5M3 7h6.5a3.5 3.5 0 013.5 3.5V13",
  code: "M6 4L2 8l4 4M10 4l4 4-4 4",
  people:
    "M6 8a2.2 2.2 0 100-4.4A2.2 2.2 0 006 8zM2 13c0-2.2 1.8-3.5 4-3.5s4 1.3 4 3.5M11 8a1.9 1.9 0 100-3.8M12 9.7c1.3.5 2 1.6 2 3.3",
  tools: "M2.5 3.5h11v9h-11zM2.5 6h11M5 8.5l1.5 1.250L5 11M8.5 11h2.5",
  plug: "M6 2.5v3M10 2.5v3M4.5 5.5h7V8A3.5 3.5 0 018 11.5 3.5 3.5 0 014.5 8zM8 11.5v2.5",
  leave: "M6.5 3H3v10h3.5M7 8h6M10.5 5.5L13 8l-2.5 2.5",
  muted: "M3 6.5h2L8 4v8L5 9.5H3zM10.5 6.5l3 3M13.5 6.5l-3 3",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
} as const;

export type IconName = keyof typeof PATHS;

/** A small icon; screen readers use the text of its parent element. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface IconButtonProps {
  readonly icon: IconName;
  readonly label: string;
  /** The key with the same action. */
  readonly shortcut?: string | undefined;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly id?: string;
  /** Further classes. */
  readonly kind?: string;
  onClick(): void;
}

/** A button with an icon only. */
export function IconButton({ icon, label, shortcut, pressed, disabled, id, kind, onClick }: IconButtonProps) {
  return (
    <button
      type="button"
      class={kind === undefined ? "icon-button" : `icon-button ${kind}`}
      id={id}
      aria-label={label}
      aria-pressed={pressed}
      disabled={disabled}
      title={shortcut === undefined ? label : `${label} (${shortcut})`}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}
