// The promises of docs/sre-guide.md, as thresholds: exits with 99 if one is broken.
import { duration, number, share } from './_environment.js';
import { promises } from './_metrics.js';
import { report } from './_report.js';
import { arriving, questions } from './_traffic.js';

export const options = {
  scenarios: { slo: arriving(number('RATE', 20, 1), duration('DURATION', '60s')) },
  thresholds: {
    // Requests that k6 could not send in time: what it measured is too kind then.
    dropped_iterations: ['count==0'],
    ...promises({
      failed: [`rate<${share('FAILED', 0.001)}`],
      'first_token{tier:small}': [`p(95)<${number('TTFT_MS', 300)}`],
      'answer{tier:small}': [`p(95)<${number('ANSWER_MS', 800)}`],
      unweighed: [`rate<${share('UNWEIGHED', 0.001)}`],
      small: [`rate>=${share('SMALL_LEAST', 0.4)}`, `rate<=${share('SMALL_MOST', 0.95)}`],
    }),
  },
};
export const handleSummary = report('slo');
export default questions({ tokens: 8 });
