/**
 * The frame of all pages.
 *
 * @module
 */

import type { Child } from "hono/jsx";

interface LayoutProps {
  readonly title: string;
  readonly children?: Child;
}

export function Layout({ title, children }: LayoutProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title}</title>
        <link rel="icon" type="image/svg+xml" href="/assets/icon.svg" />
        <link rel="stylesheet" href="/assets/console.css" />
        <script type="module" src="/assets/console.js"></script>
      </head>
      <body>{children}</body>
    </html>
  );
}

interface MastheadProps {
  readonly store: string;
  /** How old what stands below is. */
  readonly status: string;
  readonly fault?: string | undefined;
}

/** The line at the top, and what is said when something happens. */
export function Masthead({ store, status, fault }: MastheadProps) {
  return (
    <>
      <header class="masthead">
        <a class="wordmark" href="/">
          <Mark />
          <span>Sessions</span>
        </a>
        <span class="store" title={store}>{store}</span>
        <p class="status" id="status" data-live>
          <span class="pulse" aria-hidden="true"></span>
          {status}
        </p>
      </header>
      <noscript>
        <p class="notice">Live figures, and ending and forking sessions, need JavaScript.</p>
      </noscript>
      <div id="fault" data-live>
        {fault && <p class="notice notice-bad" role="alert">{fault}</p>}
      </div>
      <p class="toast" id="toast" role="status" hidden></p>
    </>
  );
}

/** The console's mark: three sessions on one line of time. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" aria-hidden="true">
      <rect x="1" y="2" width="12" height="4" rx="1" />
      <rect x="5" y="8" width="14" height="4" rx="1" />
      <rect x="3" y="14" width="8" height="4" rx="1" />
    </svg>
  );
}

/** The question before a session is ended; the script fills in which. */
export function EndDialog() {
  return (
    <dialog class="dialog" id="end-dialog" aria-labelledby="end-question">
      <form method="dialog">
        <h2 id="end-question">End this session?</h2>
        <p class="dialog-title">
          <bdi id="end-title"></bdi>
        </p>
        <p id="end-facts" class="quiet"></p>
        <p>Its state is deleted for good, and its client learns of it at its next call.</p>
        <div class="dialog-buttons">
          <button type="submit" value="keep" class="button" autofocus>
            Keep it <kbd>Esc</kbd>
          </button>
          <button type="submit" value="end" class="button button-danger" id="end-yes">
            End it <kbd>Y</kbd>
          </button>
        </div>
      </form>
    </dialog>
  );
}
