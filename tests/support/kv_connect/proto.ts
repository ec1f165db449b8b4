/** Messages of KV Connect in protobuf. */

import protobuf from "npm:protobufjs@^8.8.1";

/** Bytes as a string of one character each, so that `<` compares them as bytes compare. */
export type Binary = string;

export interface ReadRange {
  readonly start: Binary;
  readonly end: Binary;
  readonly limit: number;
  readonly reverse: boolean;
}

export interface Check {
  readonly key: Binary;
  /** Empty when the key must not exist. */
  readonly versionstamp: Binary;
}

export interface Mutation {
  readonly key: Binary;
  readonly type: number;
  readonly value: Uint8Array;
  readonly encoding: number;
  readonly expiresAt: number;
}

export interface AtomicWrite {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
  readonly enqueues: number;
}

export interface Entry {
  readonly key: Binary;
  readonly value: Uint8Array;
  readonly encoding: number;
  readonly versionstamp: Binary;
}

/** Outcome of a write: its versionstamp, or the checks that failed. */
export type Outcome =
  | { readonly versionstamp: Binary }
  | { readonly failedChecks: readonly number[] };

const { root } = protobuf.parse(`
  syntax = "proto3";
  message ReadRange { bytes start = 1; bytes end = 2; int32 limit = 3; bool reverse = 4; }
  message SnapshotRead { repeated ReadRange ranges = 1; }
  message KvValue { bytes data = 1; int32 encoding = 2; }
  message Check { bytes key = 1; bytes versionstamp = 2; }
  message Mutation { bytes key = 1; KvValue value = 2; int32 type = 3; int64 expire_at_ms = 4; }
  message AtomicWrite { repeated Check checks = 1; repeated Mutation mutations = 2; repeated bytes enqueues = 3; }
  message KvEntry { bytes key = 1; bytes value = 2; int32 encoding = 3; bytes versionstamp = 4; }
  message RangeOutput { repeated KvEntry values = 1; }
  message SnapshotReadOutput { repeated RangeOutput ranges = 1; bool consistent = 4; int32 status = 8; }
  message AtomicWriteOutput { int32 status = 1; bytes versionstamp = 2; repeated uint32 failed_checks = 4; }
`);
const SUCCESS = 1;
const CHECK_FAILED = 2;

/** The fields of a message, with defaults for absent ones and numbers for 64-bit integers. */
function decode(type: string, bytes: Uint8Array) {
  const message = root.lookupType(type);
  return message.toObject(message.decode(bytes), { defaults: true, longs: Number });
}

function encode(type: string, fields: Record<string, unknown>): Uint8Array<ArrayBuffer> {
  const message = root.lookupType(type);
  return Uint8Array.from(message.encode(message.create(fields)).finish());
}

export function readSnapshotRead(bytes: Uint8Array): ReadRange[] {
  const ranges: { start: Uint8Array; end: Uint8Array; limit: number; reverse: boolean }[] =
    decode("SnapshotRead", bytes).ranges;
  return ranges.map((range) => ({
    ...range,
    start: toBinary(range.start),
    end: toBinary(range.end),
  }));
}

export function readAtomicWrite(bytes: Uint8Array): AtomicWrite {
  const { checks, mutations, enqueues } = decode("AtomicWrite", bytes);
  return {
    checks: checks.map((check: { key: Uint8Array; versionstamp: Uint8Array }) => ({
      key: toBinary(check.key),
      versionstamp: toBinary(check.versionstamp),
    })),
    mutations: mutations.map((
      { key, value, type, expireAtMs }: {
        key: Uint8Array;
        value: { data: Uint8Array; encoding: number } | null;
        type: number;
        expireAtMs: number;
      },
    ) => ({
      key: toBinary(key),
      type,
      value: value?.data ?? new Uint8Array(),
      encoding: value?.encoding ?? 0,
      expiresAt: expireAtMs,
    })),
    enqueues: enqueues.length,
  };
}

export function writeSnapshotReadOutput(
  ranges: readonly (readonly Entry[])[],
): Uint8Array<ArrayBuffer> {
  return encode("SnapshotReadOutput", {
    ranges: ranges.map((entries) => ({
      values: entries.map(({ key, versionstamp, ...entry }) => ({
        ...entry,
        key: toBytes(key),
        versionstamp: toBytes(versionstamp),
      })),
    })),
    consistent: true,
    status: SUCCESS,
  });
}

export function writeAtomicWriteOutput(outcome: Outcome): Uint8Array<ArrayBuffer> {
  return encode(
    "AtomicWriteOutput",
    "versionstamp" in outcome
      ? { status: SUCCESS, versionstamp: toBytes(outcome.versionstamp) }
      : { status: CHECK_FAILED, failedChecks: outcome.failedChecks },
  );
}

export function toBytes(binary: Binary): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

function toBinary(bytes: Uint8Array): Binary {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
