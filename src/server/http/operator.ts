import { type ApiKeyGrants, explainMissingOperation } from "../../core/access/api-keys.ts";
import { type CallerDeps, findCaller } from "./caller.ts";
import type { HttpContext } from "./context.ts";
import { problem } from "./problem.ts";

/** A program of the operator: the sender of a request for an address that is about no conversation. */
export interface Operator {
  /** The name of its API key. */
  readonly name: string;
  readonly grants: ApiKeyGrants;
  /** The fields that identify it in events. */
  readonly logFields: { readonly address: string; readonly key: string };
}

/** Returns the sender of a request for the operator's API, or the refusal, which is logged (OA2). */
export async function authenticateOperator(deps: CallerDeps, c: HttpContext): Promise<Operator | Response> {
  const { emit } = deps;
  const found = await findCaller(deps, c);
  if (found instanceof Response) return found;
  const { isKey, grants, user: name, logFields } = found;
  const missing = isKey ? explainMissingOperation(grants) : NO_KEY;
  if (missing !== undefined) {
    emit("request.refused", { ...logFields, path: c.req.path, code: "forbidden", reason: missing });
    return problem("forbidden", { detail: missing });
  }
  const { rights = [], conversations } = grants;
  return {
    name,
    grants: { rights, ...(conversations !== undefined && { conversations }) },
    logFields: { address: logFields.address, key: name },
  };
}

const NO_KEY =
  "Only an API key with the right `manage` may use this address, and this is the token of a user.";
