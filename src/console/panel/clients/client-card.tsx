import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { PlanUsage } from "../../client/state.ts";
import type { TestClient } from "../../client/test-client.ts";
import { clockTime, formatDuration, formatMs } from "../../format.ts";
import { MAX_CLIENTS, type Workbench } from "../../shell/workbench.ts";
import { Fact } from "../../view/fact.tsx";
import { IconButton } from "../../view/icon.tsx";
import { statusOf } from "../../view/status.ts";

/** Share of the limit from which on the gauge has a warning colour. */
const LOW_QUOTA_SHARE = 0.75;

interface ClientCardProps {
  readonly workbench: Workbench;
  readonly client: TestClient;
}

/** One client: its name, its state, and the figures of its connection. */
export function ClientCard({ workbench, client, choose }: ClientCardProps & { choose(): void }) {
  const { session, conversation, usage } = client.state.value;
  const isFull = workbench.clients.value.length >= MAX_CLIENTS;
  const [renaming, setRenaming] = useState(false);
  const name = workbench.nameOf(client.id);
  const isSelected = workbench.selected.value === client;
  const status = statusOf(session);
  const card = useRef<HTMLLIElement>(null);
  useLayoutEffect(() => {
    const shown = card.current!;
    return () => {
      if (shown.contains(document.activeElement)) document.getElementById("add-client")?.focus();
    };
  }, []);
  const plan = session.state === "open" ? session.terms?.plan : undefined;
  const user = session.state === "signed_out" ? undefined : session.user;
  return (
    <li ref={card} class="client-card" data-client={client.id} data-selected={isSelected}>
      <div class="client-head">
        <span class={`swatch tone-${client.colorIndex}`} aria-hidden="true" />
        {renaming ? (
          <NameField client={client} name={name} done={() => setRenaming(false)} />
        ) : (
          <button
            type="button"
            class="card-name"
            aria-label={`Show ${name}`}
            aria-current={isSelected ? "true" : undefined}
            onClick={choose}
          >
            {name}
          </button>
        )}
        <IconButton icon="rename" label={`Name ${name}`} onClick={() => setRenaming(true)} />
        <IconButton
          icon="duplicate"
          label={`Duplicate ${name}`}
          disabled={session.state === "signed_out" || isFull}
          onClick={() => void workbench.duplicate(client)}
        />
        <IconButton icon="close" label={`Drop ${name}`} onClick={() => workbench.drop(client)} />
      </div>
      <p class="client-state">
        <span class="status" data-at={status.at}>
          {status.words}
        </span>
        {plan !== undefined && <span class="badge">{plan}</span>}
      </p>
      <dl class="vitals">
        {user !== undefined && user !== name && <Fact term="User" value={user} />}
        <Fact term="Conversation" value={conversation === "" ? "none" : conversation} />
        {session.state === "open" && <ConnectionFacts workbench={workbench} client={client} />}
      </dl>
      <QuotaGauge usage={usage} now={workbench.now.value} />
    </li>
  );
}

/** Statistics of the connection: the newest seq, the last ack time, and the time until the server closes it. */
function ConnectionFacts({ workbench, client }: ClientCardProps) {
  const { seq, ack, idleAt } = client.stats.value;
  const { session } = client.state.value;
  const closesAt = session.state === "open" ? (session.inactiveAt ?? idleAt) : undefined;
  return (
    <>
      <Fact term="Sequence" value={seq === 0 ? "none" : `#${seq}`} />
      <Fact
        term="Last ack"
        value={ack === undefined ? "none" : formatMs(ack.took)}
        title={ack && `at ${clockTime(ack.at)}`}
      />
      <Fact
        term="Idle close"
        value={closesAt === undefined ? "never" : `in ${formatDuration(closesAt - workbench.now.value)}`}
        title="Time until the server closes this connection for inactivity"
      />
    </>
  );
}

/** The remaining requests of this hour. Browsers draw meters differently: the meter is for screen readers, the bar for the eye. */
function QuotaGauge({ usage, now }: { readonly usage: PlanUsage | null | undefined; readonly now: number }) {
  if (usage === undefined) return null;
  if (usage === null) return <p class="quota">No limit</p>;
  const { limit, remaining, fullAt } = usage;
  const used = limit - remaining;
  const level = remaining === 0 ? "out" : used >= limit * LOW_QUOTA_SHARE ? "low" : "fine";
  const full = fullAt > now ? ` All are back at ${clockTime(fullAt)} if nothing more is sent.` : "";
  return (
    <div class="gauge" title={`${used.toLocaleString("en")} of ${limit.toLocaleString("en")} used.${full}`}>
      <meter class="unseen" min={0} max={limit} value={used} aria-label="Requests used this hour" />
      <div class="track" aria-hidden="true">
        {/* Set through the object model, which the Content-Security-Policy allows. */}
        <div data-level={level} style={{ width: `${(used / limit) * 100}%` }} />
      </div>
      <span class="quota">{`${remaining.toLocaleString("en")} left`}</span>
    </div>
  );
}

interface NameFieldProps {
  readonly client: TestClient;
  readonly name: string;
  done(): void;
}

function NameField({ client, name, done }: NameFieldProps) {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => field.current?.select(), []);

  const isKept = useRef(false);
  function save(newName: string): void {
    // Removing the field takes its focus, which would save it again.
    if (isKept.current) return;
    isKept.current = true;
    if (newName !== name) client.givenName.value = newName;
    done();
  }

  /** Saves, and returns the focus to where it was. */
  function saveAndReturn(newName: string): void {
    const rename = field.current!.form!.parentElement!.querySelector<HTMLElement>(".icon-button");
    save(newName);
    rename?.focus();
  }

  return (
    <form
      class="name-field"
      onSubmit={(event) => {
        event.preventDefault();
        saveAndReturn(field.current!.value.trim());
      }}
    >
      <input
        ref={field}
        aria-label={`New name of ${name}`}
        defaultValue={name}
        maxLength={40}
        onBlur={() => save(field.current?.value.trim() ?? name)}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          saveAndReturn(name);
        }}
      />
    </form>
  );
}
