import { webhookKeyOf } from "../../webhooks/signature.ts";
import type { ParseResult } from "../parser.ts";
import { choice, httpUrl, list } from "../parsers.ts";
import type { Setting } from "../setting.ts";

const SCOPES = ["message", "open"] as const;

function scope(text: string): ParseResult<(typeof SCOPES)[number]> {
  const value = SCOPES.find((word) => word === text.toLowerCase());
  return value === undefined ? { problem: `must be one of ${SCOPES.join(", ")}` } : { value };
}

function webhookSecret(text: string): ParseResult<string> {
  return webhookKeyOf(text) === undefined
    ? {
        problem:
          "must be `whsec_` and 24 to 64 bytes in base64. Make one with: echo whsec_$(openssl rand -base64 32)",
      }
    : { value: text };
}

/** The settings of the operator's server that approves what is said, as a part of the table. */
export const APPROVAL_SETTINGS = {
  APPROVAL_URL: {
    group: "Approval",
    kind: httpUrl,
    about:
      "address of your server that is asked before anybody reads a message (docs/protocol/APPROVAL.md); unset: none is asked",
  },
  APPROVAL_FOR: {
    group: "Approval",
    kind: list("what", "`message` and `open`, with a comma between them", scope),
    about:
      "what it is asked about: `message` is messages, edits, streams, and titles and data of conversations; `open` is each opening of a conversation",
    default: "message",
  },
  APPROVAL_SECRET: {
    group: "Approval",
    kind: list("secret", "secrets `whsec_…` with a comma between them", webhookSecret, true),
    about: "secret that signs the questions, so that your server knows who asks; two while it is replaced",
    secret: true,
  },
  APPROVAL_FAIL: {
    group: "Approval",
    kind: choice("closed", "open"),
    about:
      "what happens when it does not answer within 1.5 seconds: with `closed` nothing is stored (`unavailable`), with `open` all is",
    default: "closed",
    reason:
      "an operator who has messages checked before they are read does not want the opposite because of a fault",
  },
} as const satisfies Readonly<Record<string, Setting<unknown>>>;
