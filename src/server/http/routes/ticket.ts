import { randomBytes } from "node:crypto";
import { explainMissingRight } from "../../../core/access/grants.ts";
import { TICKET_LIFETIME_MS } from "../../../core/access/tickets.ts";
import type { TicketStore } from "../../../core/ports/tickets.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../../protocol/identifiers.ts";
import { unknownFieldError } from "../../../protocol/unknown-fields.ts";
import type { VerifiedToken } from "../../authentication/verified-token.ts";
import { authenticateBearer, type BearerDeps } from "../bearer.ts";
import type { HttpContext } from "../context.ts";
import { readFormFields } from "../form-fields.ts";
import { problem } from "../problem.ts";

export interface TicketRouteDeps extends BearerDeps {
  readonly tickets: TicketStore<VerifiedToken>;
}

/** `POST /ticket`: gives the bearer a ticket for one conversation, or for the socket of the user, to open it without the token in its address. */
export function ticketRoute(deps: TicketRouteDeps): (c: HttpContext) => Promise<Response> {
  return async (c) => {
    const { tickets, emit } = deps;
    const bearer = await authenticateBearer(deps, c);
    if (bearer instanceof Response) return bearer;
    const { user, grants } = bearer.identity;
    const logFields = { address: c.env.address, path: c.req.path, user };
    const fields = await readFormFields(emit, c);
    if (fields instanceof Response) return fields;
    const conversation = fields.optional("conversation");
    // A misspelt `conversation` would make a ticket for the socket of the user, which opens more.
    const unknown = unknownFieldError(fields.names, ["conversation"]);
    if (unknown !== undefined) {
      emit("request.invalid", { ...logFields, code: "invalid" });
      return problem("invalid", { detail: unknown });
    }
    if (fields.errors.length > 0 || (conversation !== undefined && !isIdentifier(conversation))) {
      emit("request.invalid", { ...logFields, code: "invalid" });
      const detail =
        fields.errors.find(({ type }) => type === "content_type")?.msg ??
        `Send \`conversation\`: ${IDENTIFIER_RULE}; or none, for the socket of a user.`;
      return problem("invalid", { detail });
    }
    const missing =
      conversation === undefined ? undefined : explainMissingRight(grants, conversation, "read");
    if (missing !== undefined) {
      emit("request.refused", { ...logFields, code: "forbidden", reason: missing });
      return problem("forbidden", { detail: missing });
    }
    const ticket = randomBytes(32).toString("base64url");
    if (!(await tickets.issue(ticket, { user, conversation }, bearer.token))) {
      emit("request.refused", { ...logFields, code: "unavailable" });
      const detail = "Too many tickets wait to be used here. Ask again in a few seconds.";
      return problem("unavailable", { detail, headers: { "Retry-After": "5" } });
    }
    const body = { ticket, expires_in: TICKET_LIFETIME_MS / 1000 };
    return Response.json(body, { headers: { "Cache-Control": "no-store" } });
  };
}
