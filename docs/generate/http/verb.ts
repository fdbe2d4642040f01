import type { ErrorCode } from "../../../src/protocol/errors.ts";
import type { VerbName } from "../../../src/server/http/schemas/verbs.ts";

/** What the documents say of a verb of the HTTP API. What it takes and answers is in its schemas. */
export interface Verb {
  /** The method, and the path as the server registers it. */
  readonly verb: VerbName;
  /** The `operationId`: what generated clients call it. */
  readonly name: string;
  /** Who may use it. */
  readonly who: string;
  readonly about: string;
  /** The credential: of a user or of a program (`any`, which is the default), of one of them, or of none. */
  readonly credential?: "any" | "token" | "key" | "cookie" | "none";
  /** The body may be a form as well as JSON. */
  readonly form?: true;
  /** The errors that it has in addition to those of its kind. */
  readonly errors?: readonly ErrorCode[];
}

/** The method and the path of a verb, as the documents write it: `/conversations/{conversation_id}`. */
export function addressOf({ verb }: Verb): { readonly method: string; readonly path: string } {
  const [method = "", path = ""] = verb.split(" ");
  return {
    method,
    path: path.replace(/:(\w+)/g, (_, name: string) => `{${parameterOf(path, name)}}`),
  };
}

/** The name of a parameter in the documents: the routes of conversations say `id` for short, and those of webhooks `name`. */
function parameterOf(path: string, name: string): string {
  if (name === "id") return "conversation_id";
  return path.startsWith("/webhooks/") ? "id" : name;
}
