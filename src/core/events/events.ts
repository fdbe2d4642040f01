// Every event that the server and its engines report, with its level, its fields and what it means. The type of `emit`
// and the tables in docs/LOG.md are made from these definitions.
import { ACCOUNT_EVENTS } from "./account-events.ts";
import { APPROVAL_EVENTS } from "./approval-events.ts";
import { CONNECTION_EVENTS } from "./connection-events.ts";
import type { EventDefinition } from "./definition.ts";
import type { FieldName, FieldValue } from "./fields.ts";
import { OPERATOR_EVENTS } from "./operator-events.ts";
import { SERVER_EVENTS } from "./server-events.ts";
import { STORE_EVENTS } from "./store-events.ts";
import { WEBHOOK_EVENTS } from "./webhook-events.ts";

/** The definitions by area; the areas are the headings in docs/LOG.md. */
export const EVENT_AREAS = {
  Store: STORE_EVENTS,
  "Server and nodes": SERVER_EVENTS,
  "Accounts and conversations": ACCOUNT_EVENTS,
  "Connections and requests": CONNECTION_EVENTS,
  Approval: APPROVAL_EVENTS,
  "The operator's API": OPERATOR_EVENTS,
  Webhooks: WEBHOOK_EVENTS,
} as const;

const EVENTS = {
  ...STORE_EVENTS,
  ...SERVER_EVENTS,
  ...ACCOUNT_EVENTS,
  ...CONNECTION_EVENTS,
  ...APPROVAL_EVENTS,
  ...OPERATOR_EVENTS,
  ...WEBHOOK_EVENTS,
} as const;

type Events = typeof EVENTS;

/** The name of an event: a dotted noun, `signin.failed`. */
export type EventName = keyof Events;

/** Names of all events. */
export const EVENT_NAMES = Object.keys(EVENTS) as readonly EventName[];

/** Returns the definition of an event. */
export function eventDefinition(name: EventName): EventDefinition {
  return EVENTS[name];
}

type Declared<N extends EventName> = Events[N]["fields"][number];
type Required<N extends EventName> = Extract<Declared<N>, FieldName>;
type Optional<N extends EventName> =
  Declared<N> extends infer D ? (D extends `${infer F}?` ? F : never) : never;

/** The fields of an event, never the text of a message, a password or a token. */
export type EventFields<N extends EventName> = {
  readonly [F in Required<N>]: FieldValue<F>;
} & {
  readonly [F in Extract<Optional<N>, FieldName>]?: FieldValue<F> | undefined;
};

/** The fields by which an event names a connection. */
export type ConnectionFields = Pick<
  EventFields<"connection.opened">,
  "connection" | "user" | "conversation" | "address"
>;

/** One event: the union of all kinds, by `name`. */
export type ServerEvent = {
  readonly [N in EventName]: { readonly name: N; readonly fields: EventFields<N> };
}[EventName];

/** Reports that something happened. */
export type Emit = <N extends EventName>(name: N, fields: EventFields<N>) => void;
