// Does it last? A steady rate for half an hour; watch the router's memory meanwhile.
import { duration, number, share } from './_environment.js';
import { promises } from './_metrics.js';
import { prompt } from './_prompts.js';
import { report } from './_report.js';
import { arriving, questions } from './_traffic.js';

const HARD_SHARE = share('HARD_SHARE', 0.3);

export const options = {
  scenarios: { soak: arriving(number('RATE', 200, 1), duration('DURATION', '30m')) },
  thresholds: {
    dropped_iterations: ['count==0'],
    ...promises({
      failed: ['rate==0'],
      unweighed: [`rate<${share('UNWEIGHED', 0.001)}`],
      'first_token{tier:small}': [`p(95)<${number('TTFT_MS', 300)}`],
    }),
  },
};
export const handleSummary = report('soak');
// Prompts of all lengths: hardly one is known from before.
export default questions({ tokens: 16, firstTokens: 0.2, text: (random) => prompt(random, HARD_SHARE) });
