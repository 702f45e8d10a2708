// People: conversations of several turns, each turn with all that was said before, and pauses to read.
import { sleep } from 'k6';

import { chat } from './_ask.js';
import { duration, number, share } from './_environment.js';
import { promises } from './_metrics.js';
import { answerTokens, generator, prompt, turns } from './_prompts.js';
import { report } from './_report.js';

// Of the lengths of real answers; 1 takes minutes an answer on a small machine.
const SCALE = number('ANSWER_SCALE', 0.1);
const READING_S = number('READING_SECONDS', 3);
const HARD_SHARE = share('HARD_SHARE', 0.3);

export const options = {
  scenarios: {
    people: {
      executor: 'constant-vus',
      vus: number('PEOPLE', 20, 1),
      duration: duration('DURATION', '2m'),
      gracefulStop: '60s',
    },
  },
  thresholds: promises({
    failed: [`rate<${number('FAILED', 0.001)}`],
    'answer{tier:small,size:long}': [`p(95)<${number('ANSWER_MS', 30000)}`],
    small: [`rate>=${share('SMALL_LEAST', 0.1)}`],
  }),
};
export const handleSummary = report('conversations');

let random;

export default function () {
  random = random || generator(__VU);
  const messages = [];
  for (let left = turns(random); left > 0; left -= 1) {
    messages.push({ role: 'user', content: prompt(random, HARD_SHARE) });
    const text = chat(messages, { stream: true, tokens: answerTokens(random, SCALE), size: 'long' });
    if (!text) return;
    messages.push({ role: 'assistant', content: text });
    sleep(-Math.log(1 - random()) * READING_S);
  }
}
