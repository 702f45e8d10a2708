// Prompts and conversations: made up, and the same in each run. Lengths are spread like those of
// chats with an assistant: lognormal, with the means that the paper on vLLM gives for ShareGPT (161
// tokens in, 338 out; Kwon et al., 2023). The spread is an assumption.
export const EASY = [
  'What is the capital of France?',
  'Translate "good morning" into Spanish.',
  'How many minutes are there in a day?',
  'Name three primary colours.',
  'Who wrote Hamlet?',
  'Is a tomato a fruit?',
];
export const HARD = [
  'Prove that there are infinitely many primes congruent to 3 modulo 4, then explain why the same argument fails for 1 modulo 4 and repair it.',
  'Derive the worst-case complexity of deletion in a red-black tree, and prove each step of the recolouring argument.',
  'Write a lock-free queue in C++ with hazard pointers, and argue why the ABA problem can not occur.',
  'Design a distributed rate limiter that survives the loss of two of five nodes; derive its error bound under clock skew.',
];

const WORDS = 'the report says that each of our regional teams has a plan for the next quarter and wants to know how the budget was spent so far on travel hosting support and training with notes by month'.split(' ');
const TOKENS_PER_WORD = 1.3;
const SIGMA = 1.1;
const MEAN_IN = 161;
const MEAN_OUT = 338;
const MOST = 2048;

// mulberry32: small, quick, and the same everywhere.
export function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick(random, list) {
  return list[Math.floor(random() * list.length)];
}

// Tokens, lognormal about a mean.
export function tokens(random, mean) {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const drawn = Math.exp(Math.log(mean) - (SIGMA * SIGMA) / 2 + SIGMA * normal);
  return Math.min(MOST, Math.max(1, Math.round(drawn)));
}

// A question, and so much text before it.
export function prompt(random, hardShare) {
  const question = pick(random, random() < hardShare ? HARD : EASY);
  const words = Math.round(tokens(random, MEAN_IN) / TOKENS_PER_WORD);
  const text = Array.from({ length: words }, () => pick(random, WORDS)).join(' ');
  return `${text}\n\n${question}`;
}

export const answerTokens = (random, scale) => Math.max(1, Math.round(tokens(random, MEAN_OUT) * scale));
export const turns = (random) => 1 + Math.floor(-Math.log(1 - random()) * 2.5);
