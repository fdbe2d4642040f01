import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/**
 * Where Debian has chromium. The headless shell is the same engine without the parts of a window, and takes less than half
 * of the processor time.
 */
const DEBIAN_PATHS = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

/**
 * The path of chromium: CHROMIUM in the environment, else one of the paths of Debian; `undefined` if there is none.
 *
 * Throws with CI=true: there, a test that is skipped would be a promise that is never checked.
 */
export function chromiumPath(
  environment: Record<string, string | undefined> = process.env,
): string | undefined {
  const paths = environment.CHROMIUM === undefined ? DEBIAN_PATHS : [environment.CHROMIUM];
  const path = paths.find((it) => existsSync(it));
  if (path !== undefined) return path;
  if (environment.CI !== "true") return undefined;
  throw new Error(
    `There is no chromium at ${paths.join(" or ")}. ` +
      "Install it (apt-get install chromium-headless-shell), or set CHROMIUM to its path.",
  );
}

/** How long one step on a page may take. Tests never wait this long on a quiet machine; a busy one may need it. */
const PAGE_TIMEOUT_MS = 60_000;

/** Starts chromium without a window, for `await using`; `more` are switches of its own. */
export async function startBrowser(more: readonly string[] = []): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error("startBrowser() needs chromium; see chromiumPath().");
  // In containers tests often run as root, for which chromium has no sandbox; it opens our own pages only.
  return chromium.launch({ executablePath, args: ["--no-sandbox", ...more], timeout: 2 * PAGE_TIMEOUT_MS });
}

/** A page with its own cookies, memory and token, and the errors that occurred in it. */
export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  /** Console errors and warnings, exceptions and violations of the Content-Security-Policy, as they came. */
  readonly errors: readonly string[];
}

/** Opens `url` as another user: nothing is shared with other pages. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  // Each step of a transition is a frame that software draws: a fifth of the processor time of these tests.
  const context = await browser.newContext({ locale: "en-GB", reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PAGE_TIMEOUT_MS);
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) errors.push(`${message.type()}: ${message.text()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  await page.goto(url);
  return { page, errors, [Symbol.asyncDispose]: () => context.close() };
}
