import type { MemberPolicy } from "../../core/members/policy.ts";
import { type Actor, refuseReading } from "../../core/members/standing.ts";
import type { MemberStore } from "../../core/ports/conversation/members.ts";
import type { Streams } from "../../core/ports/conversation/streams.ts";
import { type CancelTarget, cancelError, type ErrorFrame } from "../../core/streams/replies.ts";
import { moderatesStreams } from "../../core/streams/writing.ts";

export interface CancelStreamsDeps {
  readonly streams: Pick<Streams, "cancel">;
  readonly members: Pick<MemberStore, "read">;
  readonly memberPolicy: MemberPolicy;
}

/** A request to stop, from a socket or over HTTP. */
export interface CancelRequest {
  readonly conversation: string;
  readonly actor: Actor;
  readonly target: CancelTarget;
}

/** Asks writers to stop, if the sender may read the conversation (ST4). Returns the error; rejects when the store cannot be read. */
export async function cancelStreams(
  { streams, members, memberPolicy: policy }: CancelStreamsDeps,
  { conversation, actor, target }: CancelRequest,
): Promise<ErrorFrame | undefined> {
  const { kind, name } = actor;
  const view = await members.read(conversation, kind === "user" ? [name] : []);
  const refusal = refuseReading({ conversation, view, actor, policy });
  if (refusal !== undefined) return { type: "error", ...refusal };
  const { stream, reply_to, discard = false } = target;
  const result = await streams.cancel({
    conversation,
    target: stream === undefined ? { replyTo: reply_to! } : { stream },
    by: name,
    moderates: moderatesStreams({ view, actor }),
    discard,
  });
  return cancelError(target, result);
}
