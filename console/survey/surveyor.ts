/**
 * Surveyor: walks over a store while somebody looks at a page, and rests between two walks, the longer
 * the longer a walk takes.
 *
 * @module
 */

import { messageOf } from "../../runtime/errors.ts";
import { within } from "../../runtime/time_limit.ts";
import type { InspectedSession, StoreInspector } from "../../store/inspection.ts";
import { CallHistory } from "./call_history.ts";
import { type Survey, surveyed, type SurveyedSession, surveyOf } from "./survey.ts";

const PAGE = 1000;
/** The least rest between two walks. */
const REST_MS = 2000;
/** A walk's share of the time: one part of walking, so many of rest. */
const REST_RATIO = 50;
const MAX_REST_MS = 60_000;
/** The time that a page waits for the walk under way before it shows what is found so far. */
const LOOK_MS = 800;

type Inspector = Pick<StoreInspector, "servers" | "sessions">;

export class Surveyor implements Disposable {
  readonly calls = new CallHistory();
  readonly #inspector: Inspector;
  /** Sessions that have been ended since the last walk began, which may have found them before. */
  readonly #ended = new Set<string>();
  /** One for each open event stream: told of every new survey. */
  readonly #watchers = new Set<() => void>();
  #survey = surveyOf([], { at: 0, expected: 0 });
  /** Sessions found by the walk under way. */
  #found: SurveyedSession[] = [];
  #walk: Promise<void> | undefined;
  #restUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  /** The newest survey. An older one than its rest is renewed; a first one may be unfinished. */
  async look(): Promise<Survey> {
    if (performance.now() >= this.#restUntil) this.#begin();
    if (this.#walk !== undefined) await within(LOOK_MS, this.#walk);
    const { expected } = this.#survey;
    if (expected === undefined || this.#walk === undefined) return this.#survey;
    return surveyOf(this.#live(this.#found), { at: Date.now(), expected });
  }

  /** Calls `ontold` after each walk, until disposed of. */
  watch(ontold: () => void): Disposable {
    this.#watchers.add(ontold);
    this.#rest();
    return {
      [Symbol.dispose]: () => {
        this.#watchers.delete(ontold);
        this.#rest();
      },
    };
  }

  /** Takes a session that has just been ended out, however old the survey is. */
  forget(stateId: string): void {
    this.#ended.add(stateId);
    const { sessions, at, expected, fault } = this.#survey;
    this.#survey = surveyOf(this.#live(sessions), { at, expected, fault });
    this.#tell();
  }

  /** Walks again soon: a session was made. */
  renew(): void {
    this.#restUntil = 0;
    this.#rest();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#watchers.clear();
  }

  #begin(): void {
    if (this.#isClosed) return;
    this.#walk ??= this.#run().finally(() => {
      this.#walk = undefined;
      this.#rest();
    });
  }

  /** Sets the time of the next walk, which comes only while somebody watches. */
  #rest(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || this.#watchers.size === 0) return;
    this.#timer = setTimeout(() => this.#begin(), Math.max(0, this.#restUntil - performance.now()));
  }

  async #run(): Promise<void> {
    const start = performance.now();
    try {
      await this.#walkAll();
    } catch (error) {
      this.#survey = { ...this.#survey, fault: messageOf(error) };
    }
    this.#found = [];
    const tookMs = performance.now() - start;
    const restMs = Math.min(Math.max(REST_MS, tookMs * REST_RATIO), MAX_REST_MS);
    this.#restUntil = performance.now() + restMs;
    this.#tell();
  }

  async #walkAll(): Promise<void> {
    // One that is found from now on is there, such as a session that was copied back.
    this.#ended.clear();
    const servers = await this.#inspector.servers();
    // The first walk may be looked at on its way.
    if (this.#survey.expected !== undefined) {
      const expected = servers.reduce((sum, { sessions }) => sum + sessions, 0);
      this.#survey = { ...this.#survey, expected };
    }
    const found: SurveyedSession[] = this.#found = [];
    for (const { namespace } of servers) {
      let page: InspectedSession[] = [];
      do {
        const after = page.at(-1)?.record.stateId;
        page = await this.#inspector.sessions({ namespace, after, limit: PAGE });
        if (this.#isClosed) return;
        for (const session of page) found.push(surveyed(namespace, session));
        // A store in memory answers at once: requests must get a turn between two pages.
        await new Promise((resolve) => setTimeout(resolve));
      } while (page.length === PAGE);
    }
    const at = Date.now();
    this.calls.add(at, found);
    this.#survey = surveyOf(this.#live(found), { at });
  }

  #live(found: readonly SurveyedSession[]): SurveyedSession[] {
    return found.filter(({ stateId }) => !this.#ended.has(stateId));
  }

  #tell(): void {
    for (const told of [...this.#watchers]) told();
  }
}
