/**
 * Which turns of the source a sentence most likely comes from, by the words they share.
 *
 * Method: both are cut into words in lower case; function words are left out; each word is cut to its first five
 * letters, so that "breathing" meets "breathless"; figures stay whole. A shared word weighs
 * log(1 + (N - n + 0.5) / (n + 0.5)), where n of the N turns have it (the weight of BM25), a shared figure twice
 * that; the sum is divided by 0.6 + 0.4 * (length of the turn / mean length), so that long turns do not win by length
 * alone. Turns that share nothing are never given. It is a help for finding a place, not a judgement.
 */

const WORDS = /[\p{L}\p{N}]+(?:[.,]\p{N}+)*/gu;
const COMMON = new Set(
  ("a an and any are as at be been but by can could did do does for from had has have he her him his how i if in is it " +
    "its just like me my no not of oh okay on or our out she so some that the their them then there they this to up us " +
    "was we well were what when which who will with would yeah yes you your patient doctor").split(" "),
);

/** The words of a text that count, each once. */
export function wordsOf(text) {
  const words = text.toLowerCase().match(WORDS) || [];
  return new Set(words.filter((word) => !COMMON.has(word)).map((word) => (/\p{N}/u.test(word) ? word : word.slice(0, 5))));
}

/** turns: texts in order. Returns [{index, score}] of the best, at most `most`, none below half of the first. */
export function bestTurns(sentence, turns, most = 3) {
  const wanted = wordsOf(sentence);
  const all = turns.map(wordsOf);
  const mean = all.reduce((sum, words) => sum + words.size, 0) / (all.length || 1) || 1;
  const weight = new Map([...wanted].map((word) => [word, weightOf(word, all)]));
  const scores = all.map((words, index) => {
    const shared = [...wanted].filter((word) => words.has(word));
    const sum = shared.reduce((total, word) => total + weight.get(word), 0);
    return { index, score: sum / (0.6 + (0.4 * words.size) / mean) };
  });
  const ranked = scores.filter((one) => one.score > 0).sort((a, b) => b.score - a.score || a.index - b.index);
  return ranked.filter((one) => one.score >= ranked[0].score / 2).slice(0, most);
}

function weightOf(word, all) {
  const having = all.filter((words) => words.has(word)).length;
  return Math.log(1 + (all.length - having + 0.5) / (having + 0.5)) * (/\p{N}/u.test(word) ? 2 : 1);
}
