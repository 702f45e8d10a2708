// Does it work at all? Each kind of request once and again, by one user. Exits with 99 if not.
import { check } from 'k6';
import http from 'k6/http';

import { chat, parsed, post, reasonOf, tierOf, user } from './_ask.js';
import { number, target } from './_environment.js';
import { promises } from './_metrics.js';
import { EASY, HARD } from './_prompts.js';
import { report } from './_report.js';

export const options = {
  scenarios: {
    smoke: { executor: 'per-vu-iterations', vus: 1, iterations: number('ITERATIONS', 5, 1) },
  },
  thresholds: { checks: ['rate==1'], ...promises({ failed: ['rate==0'], small: ['rate>0', 'rate<1'] }) },
};
export const handleSummary = report('smoke');

const said = (text) => String(text).slice(0, 300);
const hold = (answer, checks) => {
  if (!check(answer, checks)) console.error(`status ${answer.status} ${answer.error}: ${said(answer.body)}`);
};

export default function () {
  chat(user(EASY[0]));
  chat(user(HARD[0]), { stream: true });

  const models = http.get(`${target.url}/v1/models`, { headers: target.headers });
  hold(models, { 'models: they are listed': () => (parsed(models.body).data || []).length > 0 });

  const body = { model: target.model, prompt: EASY[1], max_tokens: 4 };
  const completion = post('/v1/completions', body);
  hold(completion, {
    'completions: status is 200': () => completion.status === 200,
    'completions: it was weighed': () => reasonOf(completion) === 'score',
  });

  const hard = post('/v1/chat/completions', { model: target.model, messages: user(HARD[0]), max_tokens: 1 });
  hold(hard, { 'a proof is for the large tier': () => tierOf(hard) === 'large' });

  const forged = http.post(
    `${target.url}/v1/chat/completions`,
    JSON.stringify({ model: target.model, messages: user(EASY[0]), max_tokens: 1 }),
    { headers: { ...target.headers, 'x-weighbridge-tier': 'large' } },
  );
  hold(forged, { 'a forged tier is not obeyed': () => tierOf(forged) === 'small' });

  const broken = post('/v1/chat/completions', '{"model": ');
  hold(broken, {
    'no JSON: a clear error': () => broken.status >= 400 && broken.status < 500 && Boolean(parsed(broken.body).error),
  });
}
