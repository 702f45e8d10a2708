// Ten times the traffic at once, for a while, and back: nothing is lost.
import { duration, number, share } from './_environment.js';
import { promises } from './_metrics.js';
import { report } from './_report.js';
import { questions, ramping } from './_traffic.js';

const RATE = number('RATE', 10, 1);
const calm = { target: RATE, duration: duration('CALM', '30s') };
const at = (target, time) => ({ target, duration: time });

export const options = {
  scenarios: {
    spike: ramping(RATE, RATE * 10, [
      calm,
      at(RATE * 10, '1s'),
      at(RATE * 10, duration('SPIKE', '20s')),
      at(RATE, '1s'),
      calm,
    ]),
  },
  thresholds: promises({
    failed: [`rate<${share('FAILED', 0.001)}`],
    'first_token{tier:small}': [`p(95)<${number('TTFT_MS', 1000)}`],
    unweighed: [`rate<${share('UNWEIGHED', 0.01)}`],
  }),
};
export const handleSummary = report('spike');
export default questions({ tokens: 16, firstTokens: 0.5 });
