// The faults of the panel: their titles, their expected effects, and how they are injected.

import { newId } from "../../../client/new-id.ts";
import type { TestClient } from "../../client/test-client.ts";
import type { Workbench } from "../../shell/workbench.ts";
import { fillQuota, LONG_MESSAGES, stopReading } from "./load-faults.ts";
import { requestFault, type ServerFault } from "./request-fault.ts";
import type { FaultSettings } from "./settings.ts";

/** What a fault requires: a signed-in user, an open connection, or a server with fault injection. */
export type Requirement = "login" | "line" | "server";

export interface FaultAction {
  /** Part of the page's ids: `fault-cut`. */
  readonly name: string;
  readonly key: string;
  readonly title: string;
  /** The expected effect, in a few words. */
  readonly about: string;
  readonly needs: Requirement;
  /** Whether it needs a conversation. */
  readonly inConversation?: boolean;
  /** Injects the fault on this client; returns a problem, if any. */
  run(client: TestClient): Promise<string | undefined> | string | undefined;
}

export interface FaultActionGroup {
  readonly title: string;
  readonly actions: readonly FaultAction[];
}

/** Pings of a flood: more than the flood guard allows with its default settings, which is 160. */
const FLOOD_PINGS = 400;

/** Characters of a frame that is too large; beyond 128 KiB the server would close without an error frame. */
const OVERSIZED_BYTES = 70_000;

/** The user of a connection attempt with another user's token; the user need not exist. */
const OTHER_USER = "another-user";

export function createFaultActions(
  workbench: Workbench,
  settings: FaultSettings,
): readonly FaultActionGroup[] {
  const send = (client: TestClient, ...frames: readonly (string | object | Uint8Array<ArrayBuffer>)[]) => {
    for (const frame of frames) {
      const isRaw = typeof frame === "string" || frame instanceof Uint8Array;
      if (!client.wire.send(isRaw ? frame : JSON.stringify(frame))) return "The connection is not open.";
    }
    return undefined;
  };
  const server = (fault: () => ServerFault) => async (client: TestClient) =>
    (await requestFault(workbench, client, fault())).problem;
  const jump = (to: string) => server(() => ({ do: "jump", to }));
  /** A message in the conversation that the client shows. */
  const message = (client: TestClient, text: string) => {
    const { conversation } = client.current();
    return { type: "message", ...(conversation !== "" && { conversation }), id: newId(), text };
  };
  const tokenOf = (client: TestClient) => client.login()?.access() ?? "";

  return [
    {
      title: "Invalid tokens, on a separate socket",
      actions: [
        {
          name: "wrong-token",
          key: "1",
          title: "Wrong token",
          about: "The signature is damaged: unauthorized, close 4401.",
          needs: "login",
          run: (client) => void client.probeHandshake(userOf(client), withWrongSignature(tokenOf(client))),
        },
        {
          name: "expired-token",
          key: "2",
          title: "Expired token",
          about: "The server signs an expired token: token_expired, close 4401.",
          needs: "server",
          async run(client) {
            const { problem, body } = await requestFault(workbench, client, { do: "expired_token" });
            if (body !== undefined) client.probeHandshake(userOf(client), String(body.token));
            return problem;
          },
        },
        {
          name: "foreign-token",
          key: "3",
          title: "Foreign token",
          about: "This user’s token at another user’s address: forbidden, close 4403.",
          needs: "login",
          run: (client) => void client.probeHandshake(OTHER_USER, tokenOf(client)),
        },
      ],
    },
    {
      title: "Frames that should not be",
      actions: [
        {
          name: "malformed",
          key: "4",
          title: "Malformed",
          about: "Half of a JSON text: malformed; the connection stays open.",
          needs: "line",
          run: (client) => send(client, '{"type":"message","text":'),
        },
        {
          name: "unknown-type",
          key: "5",
          title: "Unknown type",
          about: "A frame with an unknown type: unknown_type; the connection stays open.",
          needs: "line",
          run: (client) => send(client, { type: "shout", id: newId(), text: "hello" }),
        },
        {
          name: "wrong-field",
          key: "6",
          title: "Wrong field",
          about: "A message without text and data: invalid; the connection stays open.",
          needs: "line",
          run: (client) => send(client, message(client, "")),
        },
        {
          name: "oversized",
          key: "7",
          title: "Oversized",
          about: "70,000 bytes in one frame: too_large, close 1009.",
          needs: "line",
          run: (client) => send(client, message(client, "x".repeat(OVERSIZED_BYTES))),
        },
        {
          name: "binary",
          key: "8",
          title: "Binary",
          about: "Four bytes in a binary frame: close 1003.",
          needs: "line",
          run: (client) => send(client, new Uint8Array([0, 1, 2, 3])),
        },
        {
          name: "same-id",
          key: "9",
          title: "Same id twice",
          about: "One message, sent twice: stored once; the second ack has duplicate.",
          needs: "line",
          inConversation: true,
          run(client) {
            const twice = message(client, "Sent twice under one id");
            return send(client, twice, twice);
          },
        },
        {
          name: "flood",
          key: "0",
          title: "Flood",
          about: `${FLOOD_PINGS} pings at once: three flooding warnings, then close 4429.`,
          needs: "line",
          run: (client) => send(client, ...Array<object>(FLOOD_PINGS).fill({ type: "ping" })),
        },
      ],
    },
    {
      title: "Limits",
      actions: [
        {
          name: "fill-quota",
          key: "Q",
          title: "Fill the quota",
          about: "Uses up the requests of this hour: the next message is rejected, rate_limited.",
          needs: "line",
          inConversation: true,
          run: (client) => fillQuota(workbench, client),
        },
        {
          name: "slow-reader",
          key: "R",
          title: "Slow reader",
          about: `${LONG_MESSAGES} long messages (and requests) that the client does not read: its conversation is closed as behind, and opened again.`,
          needs: "server",
          inConversation: true,
          run: (client) => stopReading(workbench, client),
        },
      ],
    },
    {
      title: "Connection",
      actions: [
        {
          name: "cut",
          key: "C",
          title: "Cut",
          about: "The connection ends without a close frame, 1006: the client reconnects and resumes.",
          needs: "server",
          run: server(() => ({ do: "cut" })),
        },
        {
          name: "freeze",
          key: "Z",
          title: "Freeze",
          about: "The server neither reads nor writes; afterwards all frames follow in order.",
          needs: "server",
          run: server(() => ({ do: "freeze", seconds: Number(settings.freeze.value) })),
        },
        {
          name: "thaw",
          key: "U",
          title: "Thaw",
          about: "Ends a freeze now, also that of a writer.",
          needs: "server",
          run: server(() => ({ do: "thaw" })),
        },
        {
          name: "delay",
          key: "D",
          title: "Delay",
          about: "All frames are delayed in both directions; 0 ends the delay.",
          needs: "server",
          run: server(() => ({ do: "delay", milliseconds: Number(settings.delay.value) })),
        },
        {
          name: "lose",
          key: "L",
          title: "Lose",
          about:
            "The next frames of this type are not sent. A message whose ack is lost waits until the connection is cut.",
          needs: "server",
          run: server(() => ({
            do: "lose",
            next: settings.lose.value,
            count: Number(settings.count.value),
          })),
        },
        {
          name: "close",
          key: "E",
          title: "Close",
          about: "By the server, or by this page if the server injects no faults.",
          needs: "line",
          run: (client) => close(workbench, client, Number(settings.code.value)),
        },
      ],
    },
    {
      title: "The writer of a stream, which this client writes now",
      actions: [
        {
          name: "freeze-writer",
          key: "F",
          title: "Freeze the writer",
          about: "Appends wait. After the lease the message is interrupted, and the writer fenced.",
          needs: "server",
          run: server(() => ({ do: "freeze_writer", seconds: Number(settings.freezeWriter.value) })),
        },
        {
          name: "kill-writer",
          key: "V",
          title: "Kill the writer",
          about: "The connection is cut, and what is not stored is lost: the client goes on after what is.",
          needs: "server",
          run: server(() => ({ do: "kill_writer" })),
        },
        {
          name: "fence-writer",
          key: "N",
          title: "Fence the writer",
          about: "Another writer takes the stream over, and is silent: fenced, then interrupted.",
          needs: "server",
          run: server(() => ({ do: "fence_writer" })),
        },
      ],
    },
    {
      title: "Move this connection’s clock to",
      actions: [
        {
          name: "idle-warning",
          key: "W",
          title: "Inactivity warning",
          about: "Any activity cancels it.",
          needs: "server",
          run: jump("inactivity_warning"),
        },
        {
          name: "idle",
          key: "I",
          title: "Inactivity",
          about: "The warning, then close 4408.",
          needs: "server",
          run: jump("inactivity"),
        },
        {
          name: "token-warning",
          key: "K",
          title: "Token’s last minute",
          about: "token_expiring: the client sends a new token, and stays connected.",
          needs: "server",
          run: jump("token_expiring"),
        },
        {
          name: "token-end",
          key: "O",
          title: "Token’s end",
          about: "token_expired, close 4401: the client reconnects with a new token.",
          needs: "server",
          run: jump("token_expiry"),
        },
      ],
    },
  ];
}

function userOf(client: TestClient): string {
  return client.user() ?? OTHER_USER;
}

/** Returns the token with another signature, still well-formed. */
function withWrongSignature(token: string): string {
  const [head, claims, signature = ""] = token.split(".");
  const other = signature.startsWith("A") ? "B" : "A";
  return `${head}.${claims}.${other}${signature.slice(1)}`;
}

async function close(workbench: Workbench, client: TestClient, code: number): Promise<string | undefined> {
  if (workbench.facts.value.faults)
    return (await requestFault(workbench, client, { do: "close", code })).problem;
  if (code !== 1000 && code < 3000)
    return `A page may not close with ${code}; a server started with TEST_FAULTS=true may.`;
  client.wire.close(code);
  return undefined;
}
