import type { BenchClient } from "../bench-client.ts";
import type { Desk } from "../panel/panel.ts";
import { listNames } from "../wording.ts";
import { Composer } from "./composer.tsx";
import { Messages } from "./messages.tsx";
import { Notices } from "./notices.tsx";
import { People } from "./people.tsx";
import { PlaceForm } from "./place.tsx";

interface TalkProps {
  readonly desk: Desk;
  readonly client: BenchClient;
}

/** What the selected client sees: the conversation, from its name at the top to where messages are written. */
export function Talk({ desk, client }: TalkProps) {
  const { bench, address, teller } = desk;
  return (
    <>
      <PlaceForm client={client} address={address} />
      <People client={client} />
      <Messages client={client} bench={bench} />
      <Typing client={client} />
      <Notices client={client} bench={bench} />
      <Composer client={client} bench={bench} tell={teller.tell} />
    </>
  );
}

/** Who else types. Its line keeps its place while it is empty, so that nothing jumps. */
function Typing({ client }: { readonly client: BenchClient }) {
  const { session } = client.state.value;
  const names = session.at === "open" ? session.typing : [];
  const verb = names.length === 1 ? "is" : "are";
  return (
    <p class="typing" id="typing">
      {names.length === 0 ? "" : `${listNames(names)} ${verb} typing…`}
    </p>
  );
}
