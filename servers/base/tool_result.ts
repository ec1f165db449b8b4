/**
 * The result of a tool: structured for programs, with a readable text.
 *
 * @module
 */

/** The result of a tool that has an output schema. */
export interface ToolResult {
  /** The text for people and models. */
  content: { type: "text"; text: string }[];
  /** The same for programs. */
  structuredContent: Record<string, unknown>;
  /** Further members, as in the SDK's own type. */
  [key: string]: unknown;
}

/** Makes the result of a tool from its text and its structured content. */
export function toolResult(text: string, structuredContent: Record<string, unknown>): ToolResult {
  return { content: [{ type: "text", text }], structuredContent };
}
