import type { Room } from "../../client/room.ts";
import type { TestClient } from "../../client/test-client.ts";
import { clockTime, explainError } from "../../format.ts";

interface RoomNoticeProps {
  readonly room: Room;
  readonly client: TestClient;
}

/** Why nothing can be read or written in this conversation. */
export function RoomNotice({ room, client }: RoomNoticeProps) {
  const status = room.status.value;
  const muted = room.facts.value?.muted;
  if (status.state === "closed")
    return (
      <div class="notice warning" id="room-closed" role="alert">
        <p>{explainError({ code: status.code, message: status.reason })}</p>
        <button
          type="button"
          class="plain small"
          onClick={() => {
            client.parley()?.reconnect();
          }}
        >
          Try again
        </button>
      </div>
    );
  if (muted === undefined) return null;
  return (
    <div class="notice info" id="room-muted" role="status">
      <p>
        {muted.by === undefined ? "You are muted here" : `${muted.by} muted you here`}
        {muted.until === undefined ? "" : ` until ${clockTime(muted.until)}`}: you can read, and not write.
      </p>
    </div>
  );
}
