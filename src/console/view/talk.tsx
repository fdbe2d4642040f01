import type { Address } from "../address.ts";
import type { Bench } from "../bench.ts";
import type { BenchClient } from "../bench-client.ts";
import { listNames } from "../wording.ts";
import { Composer } from "./composer.tsx";
import { Messages } from "./messages.tsx";
import { Notices } from "./notices.tsx";
import { People } from "./people.tsx";
import { PlaceForm } from "./place.tsx";

interface TalkProps {
  readonly bench: Bench;
  readonly client: BenchClient;
  readonly address: Address;
}

/** What the selected client sees: the conversation, from its name at the top to where messages are written. */
export function Talk({ bench, client, address }: TalkProps) {
  return (
    <>
      <PlaceForm client={client} address={address} />
      <People client={client} />
      <Messages client={client} bench={bench} />
      <Typing client={client} />
      <Notices client={client} bench={bench} />
      <Composer client={client} bench={bench} />
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
