import type { State } from "../state.ts";
import { element, find, setText } from "./element.ts";

/** The password that every demo account has; the server makes them only where that is harmless. */
const DEMO_PASSWORD = "password";

/** The sign-in card. `signIn` is called with what was typed, or with a demo account. */
export function signInView(signIn: (user: string, password: string) => void): (state: State) => void {
  const page = find("sign-in", HTMLElement);
  const form = find("sign-in-form", HTMLFormElement);
  const username = find("username", HTMLInputElement);
  const password = find("password", HTMLInputElement);
  const submit = find("sign-in-button", HTMLButtonElement);
  const problem = find("sign-in-problem", HTMLElement);
  const demo = find("demo", HTMLElement);
  const accounts = find("demo-accounts", HTMLElement);
  const version = find("version", HTMLElement);
  let shown: State["server"] | undefined;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (username.value === "") return username.focus();
    if (password.value === "") return password.focus();
    signIn(username.value, password.value);
  });

  function showDemo(server: State["server"]): void {
    demo.hidden = server.demo.length === 0;
    accounts.replaceChildren(
      ...server.demo.map(({ user, plan }) => {
        const choose = element(
          "button",
          { type: "button", class: "demo-account" },
          element("strong", {}, user),
          element("span", { class: "badge" }, plan),
        );
        choose.addEventListener("click", () => signIn(user, DEMO_PASSWORD));
        return element("li", {}, choose);
      }),
    );
    setText(version, server.version === undefined ? "" : `Parley ${server.version}`);
  }

  return ({ session, server }) => {
    if (server !== shown) showDemo(server);
    shown = server;
    const entering = page.hidden && session.at === "signed_out";
    page.hidden = session.at !== "signed_out";
    if (session.at !== "signed_out") {
      // It was needed once; it must not lie in the page for whoever opens it next (P1).
      password.value = "";
      return;
    }
    submit.disabled = session.busy;
    setText(submit, session.busy ? "Signing in…" : "Sign in");
    for (const choose of accounts.querySelectorAll("button")) choose.disabled = session.busy;
    if (session.problem !== undefined && problem.textContent !== session.problem) {
      password.value = "";
      (username.value === "" ? username : password).focus();
    }
    setText(problem, session.problem ?? "");
    if (entering) username.focus();
  };
}
