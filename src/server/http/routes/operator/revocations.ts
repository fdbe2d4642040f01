import { revocationAnswer } from "../../../../core/operator/answers.ts";
import { NEVER, type RevocationStore } from "../../../../core/ports/revocations.ts";
import { readTokenId } from "../../../authentication/token-id.ts";
import { MAX_BODY_BYTES } from "../../body.ts";
import type { CallerDeps } from "../../caller.ts";
import { readQuery, replyOf } from "../../verb.ts";
import { type Route, readRequest } from "../members/request.ts";
import { BAD_CURSOR, decodeCursor, encodeCursor, invalid, operatorRoute } from "./request.ts";
import { LIST_REVOCATIONS, POST_REVOCATION } from "./schemas.ts";

export interface RevocationRoutesDeps extends CallerDeps {
  readonly revocations: RevocationStore;
}

/** `POST /revocations`: revokes all tokens of a `user` until now, or one token, by itself or by its `jti`. */
export function postRevocationRoute(deps: RevocationRoutesDeps): Route {
  const reply = replyOf(POST_REVOCATION);
  return operatorRoute(deps, async (operator, c) => {
    const { logFields } = operator;
    const body = await readRequest(deps, c, POST_REVOCATION.body, MAX_BODY_BYTES, logFields);
    if (body instanceof Response) return body;
    const { user, token, token_id } = body;
    if (user !== undefined) {
      const before = deps.clock.now();
      await deps.revocations.revokeUser(user, before);
      deps.emit("operator.user_signed_out", { ...logFields, user });
      return reply(201, { user, before });
    }
    const named = token === undefined ? { id: token_id ?? "", expiresAt: NEVER } : readTokenId(token);
    if (named === undefined) return invalid(deps, c, operator, "`token`: must be a token with a `jti`.");
    await deps.revocations.revokeToken(named.id, named.expiresAt);
    deps.emit("operator.token_revoked", { ...logFields, token_id: named.id });
    return reply(201, { token_id: named.id });
  });
}

/** `GET /revocations?limit&cursor`: those that are kept. A page may have fewer than `limit`, also none. */
export function listRevocationsRoute(deps: RevocationRoutesDeps): Route {
  return operatorRoute(deps, async (operator, c) => {
    const query = readQuery(deps, c, LIST_REVOCATIONS.query, operator);
    if (query instanceof Response) return query;
    const page = await deps.revocations.list(query.limit, decodeCursor(query.cursor));
    if (page === undefined) return invalid(deps, c, operator, BAD_CURSOR);
    const { items, next } = page;
    return replyOf(LIST_REVOCATIONS)(200, {
      revocations: items.map(revocationAnswer),
      more: next !== undefined,
      ...(next !== undefined && { cursor: encodeCursor(next) }),
    });
  });
}
