import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { subjectOf } from "../../client/line/token.ts";
import type { TestClient } from "../client/test-client.ts";
import { isIdentifier } from "../conversation-name.ts";
import type { Workbench } from "../shell/workbench.ts";

/** The password of all demo accounts; the server only offers them where that is safe. */
const DEMO_PASSWORD = "password";

interface SignInProps {
  readonly workbench: Workbench;
  readonly client: TestClient;
  /** Whether other clients exist, or existed: then it takes the focus. */
  readonly focus: boolean;
}

/** The sign-in of a client: a demo account, a name and a password, or a token from elsewhere. */
export function SignIn({ workbench, client, focus }: SignInProps) {
  const { session } = client.state.value;
  const { demo, version } = workbench.facts.value;
  const [username, password] = [useRef<HTMLInputElement>(null), useRef<HTMLInputElement>(null)];
  const first = useRef<HTMLButtonElement>(null);
  const busy = session.state === "signed_out" && session.busy;
  const problem = session.state === "signed_out" ? session.problem : undefined;

  useEffect(() => {
    if (focus) (first.current ?? username.current)?.focus();
  }, []);
  useLayoutEffect(() => {
    if (problem === undefined || password.current === null) return;
    password.current.value = "";
    (username.current?.value === "" ? username : password).current?.focus();
  }, [problem, busy]);

  function submit(event: Event): void {
    event.preventDefault();
    const [name, secret] = [username.current!, password.current!];
    if (name.value === "") name.focus();
    else if (secret.value === "") secret.focus();
    else void client.signIn(name.value, secret.value);
  }

  return (
    <>
      <section class="card sign-in" id="sign-in" aria-labelledby="sign-in-title">
        <img src="console/icon.svg" alt="" width="48" height="48" />
        <h1 id="sign-in-title">{focus ? "Sign in a client" : "Sign in to Parley"}</h1>
        <p class="lead">Chat, and watch every frame on the wire.</p>
        {demo.length > 0 && (
          <div id="demo">
            <h2 id="demo-title">Demo accounts</h2>
            <ul class="demo-accounts" id="demo-accounts" aria-labelledby="demo-title">
              {demo.map(({ user, plan }, index) => (
                <li key={user}>
                  <button
                    type="button"
                    class="demo-account"
                    ref={index === 0 ? first : null}
                    disabled={busy}
                    onClick={() => void client.signIn(user, DEMO_PASSWORD)}
                  >
                    <strong>{user}</strong>
                    <span class="badge">{plan}</span>
                  </button>
                </li>
              ))}
            </ul>
            <p class="divider">
              <span>or with your own</span>
            </p>
          </div>
        )}
        <form id="sign-in-form" noValidate onSubmit={submit}>
          <label for="username">User name</label>
          <input
            id="username"
            name="username"
            ref={username}
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
          />
          <label for="password">Password</label>
          <input
            id="password"
            name="password"
            ref={password}
            type="password"
            autocomplete="current-password"
            required
          />
          <p class="problem" id="sign-in-problem" role="alert">
            {problem ?? ""}
          </p>
          <button class="primary" id="sign-in-button" type="submit" disabled={busy}>
            {busy ? "Signing in…" : "Sign in"}
          </button>
        </form>
        <TokenForm client={client} />
      </section>
      <p class="fine" id="version">
        {version === undefined ? "" : `Parley ${version}`}
      </p>
    </>
  );
}

/** Accepts any token, valid or not: the server's reaction is part of the test. */
function TokenForm({ client }: { readonly client: TestClient }) {
  const [user, token] = [useRef<HTMLInputElement>(null), useRef<HTMLInputElement>(null)];

  function submit(event: Event): void {
    event.preventDefault();
    const text = token.current!.value.trim();
    const name = user.current!.value.trim() || (subjectOf(text) ?? "");
    if (text === "") token.current!.focus();
    else if (!isIdentifier(name)) user.current!.focus();
    else {
      token.current!.value = "";
      client.useToken(name, text);
    }
  }

  return (
    <details class="token-form">
      <summary>Use an existing token</summary>
      <form noValidate onSubmit={submit}>
        <label for="pasted-token">Token</label>
        <input id="pasted-token" ref={token} type="password" autocomplete="off" spellcheck={false} />
        <label for="pasted-user">User</label>
        <input
          id="pasted-user"
          ref={user}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          placeholder="the token’s own"
        />
        <button class="plain" type="submit">
          Use this token
        </button>
      </form>
    </details>
  );
}
