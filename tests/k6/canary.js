// Traffic around a rollout: nobody may notice it. With WEIGHBRIDGE_CANARY testers' traffic, all of it
// for the canary; without it everybody's, of which the canary gets its weight.
import { duration, number, share } from './_environment.js';
import { promises } from './_metrics.js';
import { report } from './_report.js';
import { arriving, questions } from './_traffic.js';

export const options = {
  scenarios: { canary: arriving(number('RATE', 30, 1), duration('DURATION', '2m')) },
  thresholds: promises({
    failed: [`rate<=${share('FAILED', 0)}`],
    'first_token{tier:small}': [`p(95)<${number('TTFT_MS', 1000)}`],
  }),
};
export const handleSummary = report('canary');
export default questions({ tokens: 8 });
