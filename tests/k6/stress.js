// How much is too much? More and more requests a second, until a promise breaks: it stops there.
import { duration, number, share } from './_environment.js';
import { promises } from './_metrics.js';
import { report } from './_report.js';
import { questions, ramping } from './_traffic.js';

const MOST = number('MOST', 500, 1);
const STEPS = 5;
const step = duration('STEP', '30s');
const rates = Array.from({ length: STEPS }, (_, i) => Math.ceil((MOST * (i + 1)) / STEPS));

const ending = (limit) => ({ threshold: limit, abortOnFail: true, delayAbortEval: '5s' });

export const options = {
  scenarios: { stress: ramping(rates[0], MOST, rates.map((target) => ({ target, duration: step }))) },
  thresholds: promises({
    failed: [ending(`rate<${share('FAILED', 0.01)}`)],
    'first_token{tier:small}': [ending(`p(95)<${number('TTFT_MS', 1000)}`)],
  }),
};
export const handleSummary = report('stress');
export default questions({ tokens: 32, firstTokens: 0.2, size: 'long' });
