import { randomBytes } from "node:crypto";
import { missingRight } from "../../core/grants.ts";
import { TICKET_LIFETIME, type TicketStore } from "../../core/tickets.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../protocol/identifiers.ts";
import type { VerifiedToken } from "../authentication/tokens.ts";
import { type BearerParts, identifyBearer } from "./bearer.ts";
import type { HttpContext } from "./environment.ts";
import { readFormFields } from "./form-fields.ts";
import { problem } from "./problem.ts";

export interface TicketParts extends BearerParts {
  readonly tickets: TicketStore<VerifiedToken>;
}

/** `POST /ticket`: gives the bearer a ticket for one conversation, to open a socket without the token in its address. */
export function ticketRoute(parts: TicketParts): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const { tickets, log } = parts;
    const bearer = await identifyBearer(parts, c);
    if (bearer instanceof Response) return bearer;
    const { user, grants } = bearer.identity;
    const who = { address: c.env.address, path: c.req.path, user };
    const fields = await readFormFields(log, c);
    if (fields instanceof Response) return fields;
    const conversation = fields.optional("conversation");
    if (conversation === undefined || !isIdentifier(conversation)) {
      log.warn("request.invalid", { ...who, code: "invalid" });
      const detail = `Send \`conversation\`: ${IDENTIFIER_RULE}.`;
      return problem("invalid", { detail });
    }
    const missing = missingRight(grants, conversation, "read");
    if (missing !== undefined) {
      log.warn("request.refused", { ...who, code: "forbidden", reason: missing });
      return problem("forbidden", { detail: missing });
    }
    const ticket = randomBytes(32).toString("base64url");
    if (!(await tickets.give(ticket, { user, conversation }, bearer.token))) {
      log.warn("request.refused", { ...who, code: "unavailable" });
      return problem("unavailable", { headers: { "Retry-After": "5" } });
    }
    const body = { ticket, expires_in: TICKET_LIFETIME / 1000 };
    return Response.json(body, { headers: { "Cache-Control": "no-store" } });
  };
}
