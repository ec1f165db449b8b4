/**
 * Chromium without a window, driven by `puppeteer-core`.
 *
 * To be run with `--no-lock`: the package is for tests alone, and must not be in `deno.lock`.
 */

const PUPPETEER = "npm:puppeteer-core@25.16.0";
const NAMES = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/** What a test uses of a page. */
export interface Tab {
  goto(url: string): Promise<{ status(): number } | null>;
  reload(): Promise<unknown>;
  close(): Promise<void>;
  url(): string;
  bringToFront(): Promise<void>;
  setViewport(size: { width: number; height: number; deviceScaleFactor?: number }): Promise<void>;
  emulateMediaFeatures(features: { name: string; value: string }[]): Promise<void>;
  evaluate<T>(script: string): Promise<T>;
  waitForFunction(script: string): Promise<unknown>;
  waitForNavigation(): Promise<unknown>;
  screenshot(options: { path: string; optimizeForSpeed?: boolean }): Promise<unknown>;
  on(event: "console", told: (message: { text(): string }) => void): void;
  on(event: "pageerror" | "dialog", told: (thrown: unknown) => void): void;
  readonly keyboard: {
    press(key: string): Promise<void>;
    type(text: string): Promise<void>;
  };
}

export interface Browser extends AsyncDisposable {
  newPage(): Promise<Tab>;
}

/** Starts a browser with a profile of its own. */
export async function startBrowser(): Promise<Browser> {
  const { default: puppeteer } = await import(PUPPETEER);
  const browser = await puppeteer.launch({
    executablePath: await chromium(),
    // Chromium's sandbox does not take root, which is who CI is.
    args: ["--no-sandbox", "--force-color-profile=srgb", "--hide-scrollbars"],
  });
  return {
    newPage: () => browser.newPage(),
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

async function chromium(): Promise<string> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    for (const name of NAMES) {
      const path = `${folder}/${name}`;
      if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
    }
  }
  throw new Error(`There is no Chromium (${NAMES.join(", ")}): apt-get install chromium`);
}
