import { planNamed } from "../../../../core/access/plans.ts";
import { userAnswer } from "../../../../core/operator/answers.ts";
import {
  type AccountRequest,
  changedFields,
  decideAccountChange,
  newAccount,
} from "../../../../core/operator/change-account.ts";
import { removeAccount } from "../../../../core/operator/remove-account.ts";
import type { Account, AccountStore } from "../../../../core/ports/accounts.ts";
import type { ConnectionLeases } from "../../../../core/ports/leases.ts";
import type { Quotas } from "../../../../core/ports/message-log.ts";
import type { RevocationStore } from "../../../../core/ports/revocations.ts";
import { checkNewPassword, type Passwords } from "../../../authentication/passwords.ts";
import { MAX_BODY_BYTES } from "../../body.ts";
import type { CallerDeps } from "../../caller.ts";
import type { HttpContext } from "../../context.ts";
import type { Operator } from "../../operator.ts";
import { readQuery, replyOf } from "../../verb.ts";
import { type MemberRoutesDeps, type Route, readRequest } from "../members/request.ts";
import {
  BAD_CURSOR,
  decodeNameCursor,
  encodeCursor,
  invalid,
  operatorRoute,
  operatorUserRoute,
  refuse,
  refuseFields,
} from "./request.ts";
import { DELETE_USER, GET_USER, LIST_USERS, PATCH_USER, PUT_USER, SIGN_OUT_USER } from "./schemas.ts";

export interface UserRoutesDeps extends CallerDeps {
  readonly accounts: AccountStore;
  readonly revocations: RevocationStore;
  readonly members: MemberRoutesDeps["members"];
  readonly passwords: Passwords;
  readonly engine: Pick<Quotas, "quota">;
  readonly leases: Pick<ConnectionLeases, "held">;
}

/** How often a change is tried because the account was added or removed meanwhile. */
const MAX_TRIES = 5;

/** `GET /users?limit&cursor&plan&disabled`: the accounts, by name. */
export function listUsersRoute(deps: UserRoutesDeps): Route {
  return operatorRoute(deps, async (operator, c) => {
    const query = readQuery(deps, c, LIST_USERS.query, operator);
    if (query instanceof Response) return query;
    const { limit, cursor, plan, disabled } = query;
    const after = decodeNameCursor(cursor);
    if (after === null) return invalid(deps, c, operator, BAD_CURSOR);
    const filter = { ...(plan !== undefined && { plan }), ...(disabled !== undefined && { disabled }) };
    const { accounts, more } = await deps.accounts.page({ limit, after }, filter);
    const last = accounts.at(-1);
    return replyOf(LIST_USERS)(200, {
      users: accounts.map(userAnswer),
      more,
      ...(more && last !== undefined && { cursor: encodeCursor(last.user) }),
    });
  });
}

/** `GET /users/{user}`: an account, what is left of its quota, and how many connections its user has open. */
export function getUserRoute(deps: UserRoutesDeps): Route {
  return operatorUserRoute(deps, async (operator, user, c) => {
    const account = await deps.accounts.find(user);
    if (account === undefined) return noAccount(deps, c, operator);
    const { requestsPerHour } = planNamed(deps.plans, account.plan);
    const [quota, connections] = await Promise.all([
      deps.engine.quota(user, requestsPerHour),
      deps.leases.held(user),
    ]);
    return replyOf(GET_USER)(200, { ...userAnswer(account), quota, connections });
  });
}

/** `PUT /users/{user}`: makes an account, or changes it to what is named; without `password`, the present one stays. */
export function putUserRoute(deps: UserRoutesDeps): Route {
  return operatorUserRoute(deps, async (operator, user, c) => {
    const body = await readRequest(deps, c, PUT_USER.body, MAX_BODY_BYTES, operator.logFields);
    if (body instanceof Response) return body;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const account = await deps.accounts.find(user);
      const request = await readAccountRequest(deps, c, operator, account, body);
      if (request instanceof Response) return request;
      const defaultPlan = deps.plans.fallback.name;
      if (account === undefined) {
        const added = newAccount(user, request, { now: deps.clock.now(), defaultPlan });
        if (!(await deps.accounts.add(added))) continue;
        const { plan, disabled } = added;
        deps.emit("operator.user_created", { ...operator.logFields, user, plan, disabled });
        return replyOf(PUT_USER)(201, userAnswer(added));
      }
      const { plan = defaultPlan, disabled = false, passwordHash } = request;
      const changed = await changeAccount(deps, operator, account, { plan, disabled, passwordHash });
      if (changed !== undefined) return replyOf(PUT_USER)(200, userAnswer(changed));
    }
    return refuse(deps, c, operator, "unavailable", "The account is being added and removed all the time.");
  });
}

/** `PATCH /users/{user}`: changes the fields that are named; `password: null` takes the password away. */
export function patchUserRoute(deps: UserRoutesDeps): Route {
  return operatorUserRoute(deps, async (operator, user, c) => {
    const body = await readRequest(deps, c, PATCH_USER.body, MAX_BODY_BYTES, operator.logFields);
    if (body instanceof Response) return body;
    const account = await deps.accounts.find(user);
    if (account === undefined) return noAccount(deps, c, operator);
    const request = await readAccountRequest(deps, c, operator, account, body);
    if (request instanceof Response) return request;
    const changed = await changeAccount(deps, operator, account, request);
    return changed === undefined
      ? noAccount(deps, c, operator)
      : replyOf(PATCH_USER)(200, userAnswer(changed));
  });
}

/** `DELETE /users/{user}`: removes the account, signs its user out, and takes it out of all conversations. */
export function deleteUserRoute(deps: UserRoutesDeps): Route {
  return operatorUserRoute(deps, async (operator, user, c) => {
    const actor = { kind: "key", name: operator.name } as const;
    const removal = await removeAccount(deps, user, actor, deps.clock.now());
    if (removal.outcome === "contended")
      return refuse(
        deps,
        c,
        operator,
        "unavailable",
        "The account is disabled and not removed yet: the members of one of its conversations are being changed by others.",
      );
    if (removal.outcome === "removed") deps.emit("operator.user_removed", { ...operator.logFields, user });
    return replyOf(DELETE_USER)(204);
  });
}

/** `POST /users/{user}/sign-out`: revokes all tokens that were issued until now, and closes what is open with them. */
export function signOutRoute(deps: UserRoutesDeps): Route {
  return operatorUserRoute(deps, async (operator, user, c) => {
    const refusal = await refuseFields(deps, c, operator);
    if (refusal !== undefined) return refusal;
    await deps.revocations.revokeUser(user, deps.clock.now());
    deps.emit("operator.user_signed_out", { ...operator.logFields, user });
    return replyOf(SIGN_OUT_USER)(204);
  });
}

function noAccount(deps: UserRoutesDeps, c: HttpContext, operator: Operator): Response {
  return refuse(deps, c, operator, "not_found", "There is no account of this name; `PUT` makes one.");
}

/** Changes what differs, and signs out where the password does; undefined where the account was removed meanwhile. */
async function changeAccount(
  { accounts, revocations, clock, emit }: UserRoutesDeps,
  { logFields }: Operator,
  account: Account,
  request: AccountRequest,
): Promise<Account | undefined> {
  const decision = decideAccountChange(account, request);
  if (decision === undefined) return account;
  const { user } = account;
  const { change, signOut } = decision;
  const changed = await accounts.update(user, change);
  if (changed === undefined) return undefined;
  if (signOut) await revocations.revokeUser(user, clock.now());
  emit("operator.user_changed", { ...logFields, user, changed: changedFields(change) });
  return changed;
}

/** Checks the plan and the password of a request, and hashes the password unless it is the account's already. */
async function readAccountRequest(
  deps: UserRoutesDeps,
  c: HttpContext,
  operator: Operator,
  account: Account | undefined,
  {
    plan,
    disabled,
    password,
  }: {
    readonly plan?: string | undefined;
    readonly disabled?: boolean | undefined;
    readonly password?: string | null | undefined;
  },
): Promise<AccountRequest | Response> {
  const { plans } = deps.plans;
  if (plan !== undefined && !plans.has(plan))
    return invalid(deps, c, operator, `\`plan\`: must be one of ${[...plans.keys()].join(", ")} (PLANS).`);
  if (password === undefined || password === null) return { plan, disabled, passwordHash: password };
  const verdict = checkNewPassword(password);
  if (!verdict.ok) return invalid(deps, c, operator, `\`password\`: ${verdict.reason}`);
  // So that a request can be repeated without signing the user out again.
  if (account !== undefined && account.passwordHash !== "") {
    const { outcome } = await deps.passwords.verify(password, account.passwordHash);
    if (outcome === "right") return { plan, disabled };
    if (outcome === "busy") return refuse(deps, c, operator, "unavailable", BUSY);
  }
  const hashing = await deps.passwords.hash(password);
  return hashing.outcome === "busy"
    ? refuse(deps, c, operator, "unavailable", BUSY)
    : { plan, disabled, passwordHash: hashing.hash };
}

const BUSY = "Too many passwords are being checked. Repeat the request.";
