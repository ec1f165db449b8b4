import { assert } from "@std/assert";
import { type AnswerBody, UnreadAnswers } from "../../../servers/base/http/response_body.ts";
import { CoalescedTimer } from "../../../servers/base/coalesced_timer.ts";
import { TransportSession } from "../../../servers/base/http/transport_session.ts";

Deno.test("TransportSession: a clock that is set makes it neither idle nor used", () => {
  const unread = new UnreadAnswers({ answerMs: 1000 });
  const streams = new CoalescedTimer<AnswerBody>(1000, () => {});
  const session = new TransportSession({ owner: null, unread, streams, onopen() {}, onclose() {} });
  const { now } = Date;
  try {
    for (const ms of [8 * 86_400_000, -8 * 86_400_000]) {
      Date.now = () => now() + ms;
      const { idleMs } = session;
      assert(idleMs >= 0 && idleMs < 86_400_000, `${idleMs}`);
    }
  } finally {
    Date.now = now;
    unread.stop();
  }
});
