/**
 * A tool's answer: structured for programs, and one readable text beside it.
 *
 * @module
 */

/** The result of a tool that has an output schema. */
export interface ToolResult {
  /** The text for people and models. */
  content: { type: "text"; text: string }[];
  /** The same for programs. */
  structuredContent: Record<string, unknown>;
  /** Whatever else a result may carry: the SDK's type of one is open. */
  [key: string]: unknown;
}

/** Makes a tool's result from its text and its structured content. */
export function toolResult(text: string, structuredContent: Record<string, unknown>): ToolResult {
  return { content: [{ type: "text", text }], structuredContent };
}
