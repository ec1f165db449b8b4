/** Scripts for a model that acts only on what it reads. */

import type { Script, Step } from "./scripted_model.ts";

/** A call that a model intends. */
export interface Call {
  readonly tool: string;
  readonly args?: Readonly<Record<string, string>>;
}

// Refusals after which a model counts as stuck.
const MAX_RESULTS = 10;

/** Handle in a result of `session_create`, as text, as JSON, or as JSON within a text. */
export function handleIn(result: string): string | undefined {
  const [, text, json] =
    /Session (sess-[0-9a-f]{32})|\bsession\\*": ?\\*"(sess-[0-9a-f]{32})/.exec(result) ?? [];
  return text ?? json;
}

/** Whether a result tells the model to make a session. */
export function isRefusal(result: string): boolean {
  return result.includes("session_create");
}

/**
 * Makes calls one after the other, each with the latest handle of the conversation. Where a result names
 * the tool that makes a session, makes one and repeats the call. The last words are the last result.
 */
export function reading(...calls: readonly Call[]): Script {
  return ({ results, history }) => {
    if (results.length > MAX_RESULTS) {
      throw new Error(`Cannot get on: current value is ${results.at(-1)}`);
    }
    const before = history.slice(0, history.length - results.length);
    let handle = before.map(handleIn).findLast((it) => it !== undefined);
    let done = 0;
    let isMaking = false;
    for (const result of results) {
      handle = handleIn(result) ?? handle;
      if (isRefusal(result)) isMaking = true;
      else if (isMaking) isMaking = false;
      else done++;
    }
    if (isMaking) return { tool: "session_create" };
    const call = calls[done];
    if (call === undefined) return lastResult({ results, history });
    return withHandle(call, handle);
  };
}

/** A call with a handle as the argument `session`. */
export function withHandle({ tool, args }: Call, session: string | undefined): Step {
  return { tool, args: { ...args, ...(session !== undefined && { session }) } };
}

/** Last words that repeat what was read last. */
export const lastResult: Script = ({ results }) => ({ text: results.at(-1) ?? "" });

/** The call that writes a note. */
export function append(text: string): Call {
  return { tool: "notebook_append", args: { text } };
}

/** The call that reads all notes. */
export const READ: Call = { tool: "notebook_read" };
