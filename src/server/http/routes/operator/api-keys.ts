import { explainGivingTooMuch } from "../../../../core/access/api-keys.ts";
import { apiKeyAnswer } from "../../../../core/operator/answers.ts";
import { pageOfKeys, placeOf } from "../../../../core/operator/key-list.ts";
import { type ApiKeyStore, MAX_STORED_API_KEYS } from "../../../../core/ports/access/api-keys.ts";
import { IDENTIFIER_RULE, isIdentifier } from "../../../../protocol/identifiers.ts";
import { type ApiKeys, hashOfApiKey, newApiKey } from "../../../authentication/api-keys.ts";
import { MAX_BODY_BYTES } from "../../body.ts";
import type { CallerDeps } from "../../caller.ts";
import { problem } from "../../problem.ts";
import { readQuery, replyOf } from "../../verb.ts";
import { type Route, readRequest } from "../members/request.ts";
import { decodeCursor, encodeCursor, operatorRoute, refuse } from "./request.ts";
import { DELETE_API_KEY, LIST_API_KEYS, POST_API_KEY } from "./schemas.ts";

export interface ApiKeyRoutesDeps extends CallerDeps {
  readonly apiKeys: Pick<ApiKeys, "find" | "configured">;
  readonly apiKeyStore: ApiKeyStore;
}

/** `GET /api-keys?limit&cursor`: the keys of the store and those of API_KEYS, by name; never a key itself, nor its hash. */
export function listApiKeysRoute(deps: ApiKeyRoutesDeps): Route {
  return operatorRoute(deps, async (operator, c) => {
    const query = readQuery(deps, c, LIST_API_KEYS.query, operator);
    if (query instanceof Response) return query;
    const all = [...(await deps.apiKeyStore.list()), ...deps.apiKeys.configured];
    const { keys, more } = pageOfKeys(all, { limit: query.limit, after: decodeCursor(query.cursor) });
    const last = keys.at(-1);
    return replyOf(LIST_API_KEYS)(200, {
      api_keys: keys.map(apiKeyAnswer),
      more,
      ...(more && last !== undefined && { cursor: encodeCursor(placeOf(last)) }),
    });
  });
}

/** `POST /api-keys`: makes a key, which is answered this once: the store has its hash only. */
export function postApiKeyRoute(deps: ApiKeyRoutesDeps): Route {
  return operatorRoute(deps, async (operator, c) => {
    const body = await readRequest(deps, c, POST_API_KEY.body, MAX_BODY_BYTES, operator.logFields);
    if (body instanceof Response) return body;
    const { name, rights, conversations } = body;
    const grants = { rights, ...(conversations !== undefined && { conversations }) };
    const tooMuch = explainGivingTooMuch(operator.grants, grants);
    if (tooMuch !== undefined) return refuse(deps, c, operator, "forbidden", tooMuch);
    if (deps.apiKeys.configured.some((each) => each.name === name))
      return refuse(deps, c, operator, "conflict", `API_KEYS of this server has a key \`${name}\` already.`);
    const key = newApiKey();
    const stored = {
      ...{ name, hash: hashOfApiKey(key), ...grants },
      ...{ createdAt: deps.clock.now(), by: operator.name },
    };
    const outcome = await deps.apiKeyStore.add(stored);
    if (outcome === "taken")
      return refuse(deps, c, operator, "conflict", `There is a key \`${name}\` already: revoke it first.`);
    if (outcome === "full")
      return refuse(
        deps,
        c,
        operator,
        "conflict",
        `The store has ${MAX_STORED_API_KEYS} keys, and no place for another one: revoke those that are not used.`,
      );
    deps.emit("operator.api_key_created", { ...operator.logFields, api_key: name, rights });
    return replyOf(POST_API_KEY)(201, { ...apiKeyAnswer(stored), key });
  });
}

/** `DELETE /api-keys/{name}`: revokes a key of the store; 204, also when it is gone already. */
export function deleteApiKeyRoute(deps: ApiKeyRoutesDeps): Route {
  return operatorRoute(deps, async (operator, c) => {
    const name = c.req.param("name") ?? "";
    if (!isIdentifier(name)) {
      deps.emit("request.invalid", { ...operator.logFields, code: "bad_address" });
      return problem("bad_address", { detail: `The name in the address must be ${IDENTIFIER_RULE}.` });
    }
    if (await deps.apiKeyStore.remove(name))
      deps.emit("operator.api_key_revoked", { ...operator.logFields, api_key: name });
    else if (deps.apiKeys.configured.some((each) => each.name === name))
      return refuse(
        deps,
        c,
        operator,
        "conflict",
        `\`${name}\` is a key of API_KEYS: take it out of the settings, and restart the servers.`,
      );
    return replyOf(DELETE_API_KEY)(204);
  });
}
