import { assertEquals } from "@std/assert";
import { headerText, headerValue } from "../../protocol/request_headers.ts";

Deno.test("headerText(): decodes what is wrapped as Base64, strictly, and nothing else", () => {
  const cases: [value: string | null, text: string | undefined][] = [
    [null, undefined],
    ["", ""],
    ["read", "read"],
    ["=?base64?SGVsbG8=?=", "Hello"],
    ["=?base64?5pel5pys?=", "日本"],
    ["=?base64?77u/eA==?=", "\uFEFFx"],
    ["=?base64??=", ""],
    // Literal, as a part of the wrapping is missing.
    ["SGVsbG8=", "SGVsbG8="],
    ["=?base64?SGVsbG8=", "=?base64?SGVsbG8="],
    ["SGVsbG8=?=", "SGVsbG8=?="],
    ["=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?="],
    ["=?base64?=", "=?base64?="],
    // A name that looks wrapped has to be wrapped itself.
    ["=?base64?PT9iYXNlNjQ/U0dWc2JHOD0/PQ==?=", "=?base64?SGVsbG8=?="],
    // Undecodable: no padding, too much of it, stray bits, strange letters, blanks, no UTF-8.
    ["=?base64?SGVsbG8?=", undefined],
    ["=?base64?SGVsbG8==?=", undefined],
    ["=?base64?SGVsbG9=?=", undefined],
    ["=?base64?SGVs!!!bG8=?=", undefined],
    ["=?base64?SGVs bG8=?=", undefined],
    ["=?base64?_w==?=", undefined],
    ["=?base64?/w==?=", undefined],
    ["=?base64?7aCA?=", undefined],
    // No ASCII, or not visible.
    ["日", undefined],
    ["Ã¼", undefined],
    ["a\u007f", undefined],
    ["a b\tc", "a b\tc"],
  ];
  for (const [value, text] of cases) assertEquals(headerText(value), text, `${value}`);
});

Deno.test("headerValue(): encodes what is no plain ASCII, or looks encoded", () => {
  const plain = ["a", "a b", "tool_1", "=?base64?x", "~"];
  assertEquals(plain.map(headerValue), plain);
  assertEquals(["", " a", "a\n", "é", "=?base64?x?="].map(headerValue), [
    "=?base64??=",
    "=?base64?IGE=?=",
    "=?base64?YQo=?=",
    "=?base64?w6k=?=",
    "=?base64?PT9iYXNlNjQ/eD89?=",
  ]);
});

Deno.test("headerText(): reads every value of headerValue()", () => {
  for (const text of ["", " a", "a\tb", "\r\n", "日本", "\uFEFFx", "=?base64?SGVsbG8=?="]) {
    assertEquals(headerText(headerValue(text)), text);
  }
});
