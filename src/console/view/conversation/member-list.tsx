import type { TestClient } from "../../client/test-client.ts";
import { clockTime } from "../../format.ts";
import { Avatar } from "../avatar.tsx";
import { Icon } from "../icon.tsx";

/** The present users, and the round trip to the server. */
export function MemberList({ client }: { readonly client: TestClient }) {
  const { session } = client.state.value;
  if (session.state !== "open" || session.terms === undefined) return null;
  const present = [...session.present].sort((a, b) => a.since - b.since);
  const { roundTrip, presentCount } = session;
  return (
    <div class="presence">
      <ul class="members" id="members" aria-label="Present users">
        {present.map(({ user, since }) => (
          <li key={user} title={`Here since ${clockTime(since)}`}>
            <Avatar user={user} />
            <span class="name">{user === session.user ? `${user} (you)` : user}</span>
          </li>
        ))}
        {presentCount !== undefined && (
          <li id="present-count">{presentCount.toLocaleString("en")} present in all</li>
        )}
      </ul>
      <button
        type="button"
        class="quiet small"
        id="ping"
        title="Measure round trip"
        onClick={() => client.dispatch({ type: "measure" })}
      >
        <Icon name="measure" />
        <span class="unseen">Measure round trip</span>
        <span id="round-trip">
          {roundTrip === undefined ? "Ping" : roundTrip < 1 ? "under 1 ms" : `${roundTrip} ms`}
        </span>
      </button>
    </div>
  );
}
