/**
 * One tab works on an item; a second one finds out and does not write over it.
 *
 * A tab that opens an item asks on a BroadcastChannel (which, unlike Web Locks, also works without HTTPS) whether
 * another has it. No answer within a moment: it is the first. Two that ask at once: the earlier one wins.
 */
import { randomName } from "./autosave.js";

const CHANNEL = "countersign:bench";
const ANSWER_MS = 150;
const GIVE_MS = 2500;

/**
 * name: the item. onGiven: called in this tab when another takes the item over; what it returns is waited for.
 * Returns {isFirst: Promise<boolean>, take: () => Promise}: take() resolves once the other tab has saved and let go.
 */
export function oneTab(name, { signal, onGiven = async () => {} } = {}) {
  if (!("BroadcastChannel" in window)) return { isFirst: Promise.resolve(true), take: async () => {} };
  const channel = new BroadcastChannel(CHANNEL);
  const me = { id: randomName(), since: Date.now() };
  let state = "asking";
  let decide = () => {};
  let taken = () => {};
  channel.addEventListener("message", ({ data }) => data.name === name && hear(data));
  signal?.addEventListener("abort", () => channel.close());
  return { isFirst: ask(), take };

  function ask() {
    const answer = new Promise((resolve) => {
      decide = resolve;
      setTimeout(() => resolve(true), ANSWER_MS);
    });
    tell("ask");
    return answer.then((isFirst) => {
      state = isFirst ? "first" : "second";
      return isFirst;
    });
  }

  function take() {
    const given = new Promise((resolve) => {
      taken = resolve;
      setTimeout(resolve, GIVE_MS);
    });
    tell("take");
    return given;
  }

  function hear(data) {
    if (data.kind === "ask" && (state === "first" || (state === "asking" && isEarlier(data)))) tell("mine");
    if (data.kind === "mine" && state === "asking") decide(false);
    if (data.kind === "given") taken();
    if (data.kind === "take" && state === "first") {
      state = "second";
      Promise.resolve(onGiven()).finally(() => tell("given"));
    }
  }

  function isEarlier(other) {
    return me.since < other.since || (me.since === other.since && me.id < other.id);
  }

  function tell(kind) {
    if (!signal?.aborted) channel.postMessage({ name, kind, ...me });
  }
}
