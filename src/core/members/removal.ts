import { CHECK_PREFIX } from "../../protocol/identifiers.ts";
import { refuseReading, type Scene } from "./standing.ts";

/** Returns whether a conversation is one of checks, which must leave nothing behind. */
export function isCheck(conversation: string): boolean {
  return conversation.startsWith(CHECK_PREFIX);
}

/** Returns whether the sender may remove the conversation as one of checks, which has no owners. */
export function mayRemoveAsCheck(scene: Scene): boolean {
  return isCheck(scene.conversation) && scene.view.owners === 0 && refuseReading(scene) === undefined;
}
