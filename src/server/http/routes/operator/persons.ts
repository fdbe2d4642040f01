import { type Erasure, reportOf } from "../../../../core/person/erasure.ts";
import { exportDocument } from "../../../../core/person/export.ts";
import type { PersonReader } from "../../../../core/ports/person/person-store.ts";
import type { Erasures } from "../../../person/erasures.ts";
import type { CallerDeps } from "../../caller.ts";
import { replyOf } from "../../verb.ts";
import type { Route } from "../members/request.ts";
import { operatorRoute, operatorUserRoute, refuse, refuseFields } from "./request.ts";
import { ERASE_USER, GET_ERASURE } from "./schemas.ts";

export interface PersonRoutesDeps extends CallerDeps {
  readonly persons: PersonReader;
  readonly erasures: Pick<Erasures, "request" | "wait" | "find">;
}

/** How long a request to erase a person waits for the end before it is answered, in milliseconds. */
const WAIT_MS = 20_000;

/** `GET /users/{user}/export`: what is stored about a user, as it is read. */
export function exportUserRoute(deps: PersonRoutesDeps): Route {
  return operatorUserRoute(deps, async ({ logFields, name: key }, user) => {
    deps.emit("person.exported", { address: logFields.address, key, user });
    const pieces = exportDocument(deps.persons, user, deps.clock.wall());
    const encoder = new TextEncoder();
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        await pieces.return(undefined);
      },
    });
    return new Response(body, {
      headers: { "Content-Type": "application/json", "Cache-Control": "no-store" },
    });
  });
}

/** `POST /users/{user}/erase`: erases a person; 202 where that takes longer than a request waits. */
export function eraseUserRoute(deps: PersonRoutesDeps): Route {
  return operatorUserRoute(deps, async (operator, user, c) => {
    const refusal = await refuseFields(deps, c, operator);
    if (refusal !== undefined) return refusal;
    const { logFields, name: key } = operator;
    const begun = await deps.erasures.request(user);
    deps.emit("person.erasing", { address: logFields.address, key, erasure: begun.id });
    const found = await deps.erasures.wait(begun, WAIT_MS);
    return replyOf(ERASE_USER)(found.step === "done" ? 200 : 202, reportOf(found));
  });
}

/** `GET /erasures/{id}`: how far an erasure has come, or its report, which is kept for at least a day. */
export function getErasureRoute(deps: PersonRoutesDeps): Route {
  return operatorRoute(deps, async (operator, c) => {
    const found: Erasure | undefined = await deps.erasures.find(c.req.param("erasure") ?? "");
    if (found === undefined)
      return refuse(
        deps,
        c,
        operator,
        "not_found",
        "There is no erasure of this id; reports are kept for a day.",
      );
    return replyOf(GET_ERASURE)(200, reportOf(found));
  });
}
