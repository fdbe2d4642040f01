// Makes docs/HTTP.md: every HTTP verb on one page. A test compares the table with the routes of the server.
import { OPERATOR_VERBS } from "./operator-verbs.ts";

/** One verb. `path` as the server registers it, `body` and `answer` as docs/protocol/HTTP.md writes them. */
export interface Verb {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  /** Which credential is needed. */
  readonly who: string;
  readonly about: string;
  readonly takes?: string;
  readonly answer: string;
}

const READ = "right `read`, and belongs to it";
const OWNER = "owner, API key, token with `manage`";
const MODERATOR = "moderator, owner, API key, token with `manage`";

export const VERBS: readonly Verb[] = [
  {
    method: "POST",
    path: "/token",
    who: "–",
    about: "signs in, or refreshes",
    takes: "`username`, `password`, or `refresh_token`",
    answer: "200 `{access_token, …}`",
  },
  {
    method: "POST",
    path: "/logout",
    who: "a token",
    about: "signs the token out",
    takes: "`{refresh_token?}`",
    answer: "204",
  },
  {
    method: "POST",
    path: "/console/session/token",
    who: "the console's own page",
    about: "signs in, or refreshes, with the refresh token in a cookie",
    takes: "`{username, password?}`",
    answer: "200 as `/token`, without `refresh_token`",
  },
  {
    method: "POST",
    path: "/console/session/end",
    who: "the console's own page",
    about: "removes the refresh tokens of the cookie, and clears it",
    takes: "`{username}`",
    answer: "204",
  },
  {
    method: "POST",
    path: "/ticket",
    who: "a token",
    about: "makes a ticket that opens one socket",
    takes: "`{conversation?}`",
    answer: "200 `{ticket, expires_in}`",
  },
  {
    method: "GET",
    path: "/me",
    who: "a token",
    about: "the user, the plan, and what is left of it",
    answer: "200",
  },
  {
    method: "GET",
    path: "/inbox",
    who: "right `read`; an API key with `?user=`",
    about: "the user's conversations with unread counts",
    takes: "`?limit&cursor&after`",
    answer: "200 `{items, more, cursor?, position, unread_total, unread_conversations}`",
  },
  {
    method: "GET",
    path: "/events",
    who: "API key with `read`",
    about:
      "what happened in all conversations after a position; waits up to `wait` seconds for the first event",
    takes: "`?after&wait&limit&types&conversation`",
    answer: "200 `{events, more, position}`",
  },
  {
    method: "POST",
    path: "/conversations",
    who: "a user (`CONVERSATION_CREATE`), API key",
    about: "makes a conversation; the server gives its name",
    takes: "`{access?, title?, data?, members?, direct?, id?}`",
    answer: "201 facts; a repeat 200",
  },
  {
    method: "GET",
    path: "/conversations/:id",
    who: READ,
    about: "the facts of a conversation",
    answer: "200 facts",
  },
  {
    method: "PUT",
    path: "/conversations/:id",
    who: "API key, token with `manage`",
    about: "makes or changes a conversation of this name",
    takes: "`{access?, title?, data?, members?}`",
    answer: "201 or 200 facts",
  },
  {
    method: "PATCH",
    path: "/conversations/:id",
    who: OWNER,
    about: "changes facts; `null` removes one",
    takes: "`{access?, title?, data?}`",
    answer: "200 facts",
  },
  {
    method: "DELETE",
    path: "/conversations/:id",
    who: OWNER,
    about: "removes it for everybody",
    answer: "204",
  },
  {
    method: "GET",
    path: "/conversations/:id/messages",
    who: READ,
    about: "a page of messages; one request of the plan",
    takes: "`?before`, `?after` or `?around`, `&limit`, `&epoch`",
    answer: "200 `{messages, more, quota}`",
  },
  {
    method: "POST",
    path: "/conversations/:id/messages",
    who: "right `write`, not muted, not banned",
    about: "posts a message; one request of the plan",
    takes: "`{text?, data?, id?, reply_to?, epoch?, from?}`",
    answer: "201 `{id, seq, at, quota}`; a repeat 200",
  },
  {
    method: "POST",
    path: "/messages",
    who: "as for one message, for each item",
    about: "posts up to 100 messages to any conversations; each is one request of the plan",
    takes: "`[{conversation, text?, data?, id?, reply_to?, epoch?, from?}]`, at most 1 MiB",
    answer: "200 `{results}` in the order of the items",
  },
  {
    method: "GET",
    path: "/conversations/:id/messages/:seq",
    who: READ,
    about: "one message; one request of the plan",
    answer: "200 the message",
  },
  {
    method: "PATCH",
    path: "/conversations/:id/messages/:seq",
    who: "right `write`; its own user, API key with `from`",
    about: "edits a message; one request of the plan",
    takes: "`{text?, data?, if_rev?, epoch?, id?, from?}`",
    answer: "200 `{seq, rev, at, quota}`",
  },
  {
    method: "DELETE",
    path: "/conversations/:id/messages/:seq",
    who: "right `write`; its own user, moderator, owner, API key or token with `manage`",
    about: "erases a message; one request of the plan",
    takes: "`?reason`, `&epoch`, `&from`",
    answer: "200 `{seq, rev, at, quota}`",
  },
  {
    method: "PUT",
    path: "/conversations/:id/messages/:seq/reactions/:reaction",
    who: "right `write`, not muted, not banned",
    about: "adds a reaction; one request of the plan",
    takes: "`?epoch`, `&from`",
    answer: "200 `{seq, rev, at, quota}`",
  },
  {
    method: "DELETE",
    path: "/conversations/:id/messages/:seq/reactions/:reaction",
    who: "right `write`, not muted, not banned",
    about: "takes a reaction back; one request of the plan",
    takes: "`?epoch`, `&from`",
    answer: "200 `{seq, rev, at, quota}`",
  },
  {
    method: "POST",
    path: "/conversations/:id/streams",
    who: "right `write`, not muted, not banned",
    about: "begins a stream, or takes it over; one request of the plan",
    takes: "`{id, data?, reply_to?, restart?, from?, epoch?}`",
    answer: "201 `{stream, generation, n}`, taken over 200; stored already 200 `{seq, duplicate}`",
  },
  {
    method: "POST",
    path: "/conversations/:id/streams/:stream",
    who: "its writer, API key",
    about: "appends text, and ends it",
    takes: "`{generation, appends: [{n, text, data?}], end?: {state?, data?}}`",
    answer: "200 `{n, cancel?: {by}}`, with `end` `{seq, at, quota}`",
  },
  {
    method: "DELETE",
    path: "/conversations/:id/streams/:stream",
    who: "its writer, the user whose message it answers, moderator, owner, API key, token with `manage`",
    about: "asks the writer to stop",
    takes: "`?discard`, `?epoch`",
    answer: "202",
  },
  {
    method: "DELETE",
    path: "/conversations/:id/streams",
    who: "as for one stream",
    about: "asks the writers of all answers to a message to stop",
    takes: "`?reply_to`, `&discard`, `&epoch`",
    answer: "202",
  },
  {
    method: "PUT",
    path: "/conversations/:id/read",
    who: READ,
    about: "marks as read",
    takes: "`{seq, epoch?}`, `?user` for an API key",
    answer: "200 `{read, unread}`",
  },
  {
    method: "GET",
    path: "/conversations/:id/presence",
    who: READ,
    about: "the users who are present",
    takes: "`?limit&cursor`",
    answer: "200 `{present, present_count, more, cursor?}`",
  },
  {
    method: "GET",
    path: "/conversations/:id/members",
    who: READ,
    about: "the members",
    takes: "`?limit&cursor`",
    answer: "200 `{members, more, cursor?}`",
  },
  {
    method: "PUT",
    path: "/conversations/:id/members/:user",
    who: `${MODERATOR} (roles: owner); oneself where \`access\` is \`anyone\``,
    about: "adds a member or sets a role",
    takes: "`{role?}`",
    answer: "200",
  },
  {
    method: "DELETE",
    path: "/conversations/:id/members/:user",
    who: `${MODERATOR}; oneself`,
    about: "removes a member, or leaves",
    answer: "204",
  },
  ...(["mute", "ban"] as const).flatMap((kind): Verb[] => [
    {
      method: "GET",
      path: `/conversations/:id/${kind}s`,
      who: MODERATOR,
      about: `the ${kind}s in force`,
      takes: "`?limit&cursor`",
      answer: `200 \`{${kind}s, more, cursor?}\``,
    },
    {
      method: "PUT",
      path: `/conversations/:id/${kind}s/:user`,
      who: MODERATOR,
      about: `${kind}s a user`,
      takes: "`{seconds?, reason?}`",
      answer: "200 `{user, until?, reason?, by, at}`",
    },
    {
      method: "DELETE",
      path: `/conversations/:id/${kind}s/:user`,
      who: MODERATOR,
      about: `ends the ${kind}`,
      answer: "204",
    },
  ]),
  ...OPERATOR_VERBS,
  { method: "GET", path: "/healthz", who: "–", about: "whether the process lives", answer: "200" },
  { method: "GET", path: "/readyz", who: "–", about: "whether it takes new clients", answer: "200 or 503" },
];

/** Returns the page. */
export function httpPage(): string {
  const rows = VERBS.map(({ method, path, who, about, takes = "–", answer }) =>
    [
      `\`${method} ${path.replace(/:(\w+)/g, (_, name) => (name === "id" ? "{conversation_id}" : `{${name}}`))}\``,
      about,
      who,
      takes,
      answer,
    ].join(" | "),
  );
  return `# All HTTP verbs

<!-- Made by docs/generate/main.ts from docs/generate/http-page.ts. Change it there, then: npm run docs -->

A token or an API key is sent as \`Authorization: Bearer …\`. [protocol/HTTP.md](protocol/HTTP.md) has the rules and the errors. Every address
answers OPTIONS with \`Allow\`, and HEAD where it answers GET.

| request | what it does | who may | takes | answer |
| --- | --- | --- | --- | --- |
${rows.map((row) => `| ${row} |`).join("\n")}
`;
}
