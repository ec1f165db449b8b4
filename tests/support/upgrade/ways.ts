/** Every way to find a session again. */

/** A tool, its arguments, and its recorded result. */
export type Look = readonly [tool: string, args: Record<string, unknown>, answer?: unknown];

/** A way to a session. */
export interface Way {
  readonly what: string;
  readonly server: "notebook" | "hashcheck" | "session" | "session_required";
  /** Bearer token of a caller over HTTP; without it, the way is stdio. */
  readonly token?: string;
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** `_meta` of each call. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** Place of the session's id in a call. */
  readonly by?: "cookie" | "handle";
  /** Calls that made the state. */
  readonly calls: readonly Look[];
  /** Calls that show the state, its number of calls last. */
  readonly looks: readonly Look[];
}

/** A recorded way: its session, and the state that its looks showed. */
export interface Gone extends Omit<Way, "calls"> {
  readonly id: string;
}

/** A way to a session by a program with a jar. */
export interface JarWay {
  readonly what: string;
  readonly program: "bridge" | "sessions";
  readonly flags: readonly string[];
  /** Whether the server is reached by URL. */
  readonly url?: boolean;
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly texts: readonly string[];
}

const notes = (...texts: string[]): Look[] => texts.map((text) => ["notebook_append", { text }]);
const notebook = {
  server: "notebook",
  looks: [["notebook_read", {}], ["notebook_status", {}]],
} as const;
const ann = "anns-token";

export const WAYS: readonly Way[] = [
  { ...notebook, what: "a cookie", by: "cookie", calls: notes("buy milk", "Grüße 🦕\u2028\0") },
  {
    ...notebook,
    what: "a handle",
    by: "handle",
    flags: ["--handles"],
    calls: notes("by a handle"),
  },
  ...[
    { threadId: "thread-1" },
    { "vscode.conversationId": "chat-1" },
    { "x-codex-turn-metadata": JSON.stringify({ session_id: "codex-1" }) },
    { "openai/session": "openai-1" },
    { "ai.opencode/sessionID": "opencode-1" },
    { "agent-session-id": "agent-1" },
  ].map((meta) => ({
    ...notebook,
    what: `the conversation in ${Object.keys(meta)}`,
    meta,
    calls: notes(`of ${Object.values(meta)}`),
  })),
  {
    ...notebook,
    what: "a conversation under a key of one's own",
    flags: ["--conversation-key", "example.com/chat"],
    meta: { "example.com/chat": "own-1" },
    calls: notes("under my key"),
  },
  {
    ...notebook,
    what: "a name",
    flags: ["--session", "work"],
    calls: notes("one", "two", "three"),
  },
  {
    ...notebook,
    what: "the environment",
    env: { CLAUDE_CODE_SESSION_ID: "claude-1" },
    calls: notes("of Claude Code"),
  },
  { ...notebook, what: "a user's cookie", token: ann, by: "cookie", calls: notes("Ann's own") },
  {
    ...notebook,
    what: "a user's conversation",
    token: ann,
    meta: { threadId: "thread-1" },
    calls: notes("not the local user's thread"),
  },
  {
    server: "hashcheck",
    what: "a cookie of hashcheck",
    by: "cookie",
    calls: ["__proto__", "a key", "日本語"].map((key) => ["hashcheck_store", { key, text: key }]),
    looks: [["hashcheck_list", {}]],
  },
  {
    server: "hashcheck",
    what: "the same name at another server",
    flags: ["--session", "work"],
    calls: [["hashcheck_store", { key: "a", text: "b" }]],
    looks: [["hashcheck_list", {}]],
  },
  {
    server: "session",
    what: "a cookie of the probe",
    by: "cookie",
    calls: [["session_probe", {}]],
    looks: [["session_probe", { note: "seen" }]],
  },
  {
    server: "session_required",
    what: "a cookie of the gatekeeper",
    by: "cookie",
    calls: [["echo", { text: "hello" }]],
    looks: [["whoami", {}]],
  },
  {
    ...notebook,
    what: "a conversation whose id is a number",
    meta: { threadId: 7 },
    calls: notes("of number 7"),
  },
  {
    ...notebook,
    what: "a conversation in an object",
    meta: { "x-codex-turn-metadata": { session_id: "codex-2", turn_id: "t" } },
    calls: notes("of codex-2"),
  },
  {
    ...notebook,
    what: "a conversation under a key of one's own before a known one",
    flags: ["--conversation-key", "room"],
    meta: { threadId: "thread-1", room: "room-1" },
    calls: notes("in the room"),
  },
];

export const JAR_WAYS: readonly JarWay[] = [
  { program: "bridge", meta: { threadId: "thread-1" }, what: "a conversation" },
  { program: "bridge", meta: { "vscode.conversationId": "chat-1" }, what: "another" },
  { program: "bridge", flags: ["--session", "work"], what: "a name" },
  { program: "bridge", flags: ["--session", "work"], url: true, what: "a name at a URL" },
  { program: "bridge", meta: { threadId: "thread-1" }, url: true, what: "a conversation at a URL" },
  { program: "sessions", what: "the command" },
  { program: "sessions", flags: ["--profile", "other"], what: "a profile" },
  { program: "sessions", url: true, what: "the command at a URL" },
  { program: "bridge", meta: { threadId: 7 }, what: "a conversation whose id is a number" },
  {
    program: "bridge",
    meta: { "x-codex-turn-metadata": JSON.stringify({ session_id: "codex-1" }) },
    what: "a conversation by a field",
  },
  {
    program: "bridge",
    flags: ["--conversation-key", "example.com/chat"],
    meta: { "example.com/chat": "own-1" },
    what: "a conversation under a key of one's own",
  },
].map((way, index) => ({
  flags: [],
  ...way,
  program: way.program === "bridge" ? "bridge" : "sessions",
  texts: [`note ${index + 1}`, `again ${index + 1}`],
}));
