/**
 * A page that says one thing.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import { Layout, Mark } from "./layout.tsx";

interface MessageProps {
  readonly heading: string;
  /** Whether the reader may see the list. */
  readonly isOpen: boolean;
  readonly children?: Child;
}

export function MessagePage({ heading, isOpen, children }: MessageProps) {
  return (
    <Layout title={heading}>
      <main class="message">
        <Mark />
        <h1>{heading}</h1>
        <p>{children}</p>
        {isOpen && (
          <p>
            <a href="/">All sessions</a>
          </p>
        )}
      </main>
    </Layout>
  );
}
