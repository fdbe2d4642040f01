/** Outlines on a grid of 16 × 16. */
const PATHS = {
  add: "M8 3v10M3 8h10",
  rename: "M10.5 3.5l2 2L6 12l-2.6.6L4 10z",
  duplicate: "M6 6h7v7H6zM3.5 10H3V3h7v.5",
  close: "M4 4l8 8M12 4l-8 8",
  pause: "M6 4v8M10 4v8",
  play: "M5.5 3.5v9l7-4.5z",
  copy: "M6 5h6v8H6zM4 11V3h6",
  keys: "M2 4.5h12v7H2zM4.5 7h.01M7 7h.01M9.500 7h.01M12 7h.01M5 9.500h6",
  wide: "M9.500 3H13v3.500M7 13H3V9.500M13 3L9 7M3 13l4-4",
  clear: "M3 4.500h10M6.500 4.500V3h3v1.500M4.500 4.500l.5 8.500h6l.5-8.500",
  measure: "M2 8h3l2-4 2 8 2-4h3",
  send: "M3 8l10-5-3.500 10L7.500 9z",
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
  readonly shortcut?: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly id?: string;
  onClick(): void;
}

/** A button with an icon only. */
export function IconButton({ icon, label, shortcut, pressed, disabled, id, onClick }: IconButtonProps) {
  return (
    <button
      type="button"
      class="icon-button"
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
