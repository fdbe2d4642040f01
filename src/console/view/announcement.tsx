import type { Announcer } from "../shell/announcer.ts";

/** The last announcement: shown for a while, and read by screen readers. */
export function Announcement({ announcer }: { readonly announcer: Announcer }) {
  const { value: announcement } = announcer.current;
  const next = announcement?.next;
  return (
    <div class="announcement">
      <p id="announcement" aria-live="polite">
        {/* The same words again are another node, so that they are read out again. */}
        {announcement !== undefined && <span key={announcement.number}>{announcement.text}</span>}
      </p>
      {next !== undefined && (
        <button
          type="button"
          id="announcement-next"
          onClick={() => {
            announcer.clear();
            next.run();
          }}
        >
          {next.label}
        </button>
      )}
    </div>
  );
}
