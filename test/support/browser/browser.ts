import { existsSync } from "node:fs";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Dialog,
  type Page,
} from "playwright-core";

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

/** How long it may take to leave a page before it is given up. */
const LEAVE_TIMEOUT_MS = 10_000;

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

/** What a test can change on a page or in its context that outlives a visit: such a page is not used again. */
const LASTING_CHANGES = {
  page: [
    "addInitScript",
    "addLocatorHandler",
    "emulateMedia",
    "exposeBinding",
    "exposeFunction",
    "on",
    "once",
    "route",
    "setViewportSize",
  ],
  context: [
    "addInitScript",
    "exposeBinding",
    "grantPermissions",
    "newPage",
    "route",
    "setExtraHTTPHeaders",
    "setOffline",
  ],
} as const;

/** A page that has been left, and may be used by the next test that wants one with the same options. */
interface KeptPage {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Where the errors of the present use go. */
  errors: string[];
  isChanged: boolean;
  /** `page.on`, which is no lasting change here. */
  readonly listen: (event: "dialog", listener: (dialog: Dialog) => void) => void;
}

const keptPages = new WeakMap<Browser, Map<string, KeptPage[]>>();

/**
 * Opens `url` as another user: nothing is shared with other pages.
 *
 * A page takes 0.4 s of processor time to be made, so one that was closed is used again, with no cookie and no storage left,
 * unless a test has made a lasting change to it.
 */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const key = JSON.stringify(options);
  const ofBrowser = keptPages.get(browser) ?? new Map<string, KeptPage[]>();
  keptPages.set(browser, ofBrowser);
  const kept = ofBrowser.get(key)?.pop() ?? (await makePage(browser, options));
  const { context, page } = kept;
  const errors: string[] = [];
  kept.errors = errors;
  await page.goto(url);
  return {
    page,
    errors,
    async [Symbol.asyncDispose]() {
      if (!(await clear(kept))) return context.close();
      ofBrowser.set(key, [...(ofBrowser.get(key) ?? []), kept]);
    },
  };
}

async function makePage(browser: Browser, options: BrowserContextOptions): Promise<KeptPage> {
  // Each step of a transition is a frame that software draws: a fifth of the processor time of these tests.
  const context = await browser.newContext({ locale: "en-GB", reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PAGE_TIMEOUT_MS);
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  const kept: KeptPage = { context, page, errors: [], isChanged: false, listen: page.on.bind(page) };
  watchErrors(kept);
  for (const [part, names] of [
    [page, LASTING_CHANGES.page],
    [context, LASTING_CHANGES.context],
  ] as const)
    for (const name of names) {
      const call = Reflect.get(part, name) as (...args: unknown[]) => unknown;
      Reflect.set(part, name, (...args: unknown[]) => {
        kept.isChanged = true;
        return call.apply(part, args);
      });
    }
  return kept;
}

function watchErrors(kept: KeptPage): void {
  kept.page.on("pageerror", (error) => kept.errors.push(`exception: ${error.message}`));
  kept.page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()))
      kept.errors.push(`${message.type()}: ${message.text()}`);
  });
}

/** Leaves a page so that the next test finds nothing of this one. Returns false if that cannot be done. */
async function clear(kept: KeptPage): Promise<boolean> {
  const { context, page } = kept;
  if (kept.isChanged || page.isClosed() || context.pages().length !== 1) return false;
  const accept = (dialog: Dialog) => void dialog.accept().catch(() => {});
  // The console asks before it is left with messages that were not sent.
  kept.listen("dialog", accept);
  try {
    const url = page.url();
    // Its scripts and sockets end. To another site, such as about:blank, the browser would start another process.
    await page.goto(url.startsWith("http") ? new URL("/healthz", url).href : url, {
      timeout: LEAVE_TIMEOUT_MS,
    });
    // Of the page's own origin; the caches of the browser stay, as between two visits.
    if (url.startsWith("http"))
      await page.evaluate(() => {
        sessionStorage.clear();
        localStorage.clear();
      });
    await context.clearCookies();
  } catch {
    // Its server has stopped, or the page is broken, as some tests want it.
    return false;
  }
  page.off("dialog", accept);
  return true;
}
