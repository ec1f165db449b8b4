/**
 * Input of clients: what a server may ask a client's user, model or file system, and the answers, in
 * the shapes that MCP 2025-11-25 defines.
 *
 * @module
 */

/** The `_meta` of a message: what the protocol, a host or an extension adds. */
export type MessageMeta = {
  [name: string]: unknown;
  /** The token by which the caller knows the progress of its request. */
  progressToken?: string | number | undefined;
  /** The task that the message belongs to. */
  "io.modelcontextprotocol/related-task"?: { taskId: string } | undefined;
};

/** A field of a form: a text, a number, a yes or no, one choice or several. */
export type FormField =
  & { title?: string | undefined; description?: string | undefined }
  & (
    | {
      type: "string";
      minLength?: number | undefined;
      maxLength?: number | undefined;
      format?: "email" | "uri" | "date" | "date-time" | undefined;
      default?: string | undefined;
    }
    | {
      type: "number" | "integer";
      minimum?: number | undefined;
      maximum?: number | undefined;
      default?: number | undefined;
    }
    | { type: "boolean"; default?: boolean | undefined }
    | {
      type: "string";
      enum: string[];
      enumNames?: string[] | undefined;
      default?: string | undefined;
    }
    | {
      type: "string";
      oneOf: { const: string; title: string }[];
      default?: string | undefined;
    }
    | {
      type: "array";
      items: { type: "string"; enum: string[] };
      minItems?: number | undefined;
      maxItems?: number | undefined;
      default?: string[] | undefined;
    }
    | {
      type: "array";
      items: { anyOf: { const: string; title: string }[] };
      minItems?: number | undefined;
      maxItems?: number | undefined;
      default?: string[] | undefined;
    }
  );

/** The form of an elicitation: a message, and the schema of the answer. */
export type ElicitFormParams = {
  _meta?: MessageMeta | undefined;
  /** Asks for a task in place of an answer. */
  task?: { ttl?: number | undefined } | undefined;
  mode?: "form" | undefined;
  /** What is asked, and why. */
  message: string;
  /** The form: its fields by name, and those that the user must fill. */
  requestedSchema: {
    type: "object";
    properties: Record<string, FormField>;
    required?: string[] | undefined;
  };
};

/** The user's answer to an elicitation. */
export type ElicitResult = {
  [name: string]: unknown;
  _meta?: MessageMeta | undefined;
  action: "accept" | "decline" | "cancel";
  /** The fields of the form, where it was accepted. */
  content?: Record<string, string | number | boolean | string[]> | undefined;
};

/** For whom content is, and how much it matters. */
export type Annotations = {
  audience?: ("user" | "assistant")[] | undefined;
  /** From 0 to 1. */
  priority?: number | undefined;
  /** A time by ISO 8601. */
  lastModified?: string | undefined;
};

/** A text, or a picture or a sound in Base64. */
export type MediaContent =
  & { annotations?: Annotations | undefined; _meta?: Record<string, unknown> | undefined }
  & (
    | { type: "text"; text: string }
    | { type: "image"; data: string; mimeType: string }
    | { type: "audio"; data: string; mimeType: string }
  );

/** Content of a tool's result: media, a resource, or the link to one. */
export type ToolContent =
  | MediaContent
  | {
    type: "resource_link";
    uri: string;
    name: string;
    title?: string | undefined;
    description?: string | undefined;
    mimeType?: string | undefined;
    size?: number | undefined;
    icons?: {
      src: string;
      mimeType?: string | undefined;
      sizes?: string[] | undefined;
      theme?: "light" | "dark" | undefined;
    }[] | undefined;
    annotations?: Annotations | undefined;
    _meta?: Record<string, unknown> | undefined;
  }
  | {
    type: "resource";
    resource:
      & {
        uri: string;
        mimeType?: string | undefined;
        _meta?: Record<string, unknown> | undefined;
      }
      & ({ text: string } | { blob: string });
    annotations?: Annotations | undefined;
    _meta?: Record<string, unknown> | undefined;
  };

/** Content of a message to the client's model: media, its call of a tool, or the tool's result. */
export type SamplingContent =
  | MediaContent
  | {
    type: "tool_use";
    id: string;
    name: string;
    input: Record<string, unknown>;
    _meta?: Record<string, unknown> | undefined;
  }
  | {
    type: "tool_result";
    toolUseId: string;
    content: ToolContent[];
    structuredContent?: Record<string, unknown> | undefined;
    isError?: boolean | undefined;
    _meta?: Record<string, unknown> | undefined;
  };

/** The params of `sampling/createMessage`, without tools for the model. */
export type CreateMessageParams = {
  _meta?: MessageMeta | undefined;
  /** Asks for a task in place of an answer. */
  task?: { ttl?: number | undefined } | undefined;
  /** The conversation so far. */
  messages: {
    role: "user" | "assistant";
    content: SamplingContent | SamplingContent[];
    _meta?: Record<string, unknown> | undefined;
  }[];
  /** The longest answer, in tokens. */
  maxTokens: number;
  systemPrompt?: string | undefined;
  /** The kind of model that is wanted; each priority is from 0 to 1. */
  modelPreferences?: {
    hints?: { name?: string | undefined }[] | undefined;
    costPriority?: number | undefined;
    speedPriority?: number | undefined;
    intelligencePriority?: number | undefined;
  } | undefined;
  includeContext?: "none" | "thisServer" | "allServers" | undefined;
  temperature?: number | undefined;
  stopSequences?: string[] | undefined;
  metadata?: object | undefined;
};

/** The answer of the client's model. */
export type CreateMessageResult = {
  [name: string]: unknown;
  _meta?: MessageMeta | undefined;
  /** The model's name. */
  model: string;
  role: "user" | "assistant";
  content: MediaContent;
  /** Why the model ended, such as `endTurn` or `maxTokens`. */
  stopReason?: string | undefined;
};

/** The folders that the client works in. */
export type ListRootsResult = {
  [name: string]: unknown;
  _meta?: MessageMeta | undefined;
  roots: {
    /** A `file:` URL. */
    uri: string;
    name?: string | undefined;
    _meta?: Record<string, unknown> | undefined;
  }[];
};
