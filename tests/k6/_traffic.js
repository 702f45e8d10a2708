// Requests of a mix, and the rates at which they come.
import { chat, user } from './_ask.js';
import { share } from './_environment.js';
import { EASY, HARD, generator, pick } from './_prompts.js';

const HARD_SHARE = share('HARD_SHARE', 0.3);

// So many a second, whatever becomes of them: a slow endpoint does not slow its clients down.
export const arriving = (rate, duration) => ({
  executor: 'constant-arrival-rate',
  rate,
  duration,
  preAllocatedVUs: rate * 2,
  maxVUs: rate * 20,
});

export const ramping = (startRate, most, stages) => ({
  executor: 'ramping-arrival-rate',
  startRate,
  stages,
  preAllocatedVUs: Math.min(most, 200),
  maxVUs: most * 10,
});

const question = (random) => pick(random, random() < HARD_SHARE ? HARD : EASY);

// Made into a script's default function. Some ask for their first token alone, which is what tells
// its time; of the rest half are streams.
export function questions({ tokens, firstTokens = 0.3, text = question, size = 'short' }) {
  let random;
  return () => {
    // Each user of k6's reads the script anew, and has a sequence of its own.
    random = random || generator(__VU);
    const messages = user(text(random));
    if (random() < firstTokens) chat(messages, { stream: true, tokens: 1 });
    else chat(messages, { stream: random() < 0.5, tokens, size });
  };
}
