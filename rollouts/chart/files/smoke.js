// Asks a canary through the gateway: every second answer is streamed, and each is read to its end.
// Exits with 99, so that the Job fails, if one check of one answer does not hold.
import http from 'k6/http';
import { check } from 'k6';

const URL = __ENV.SMOKE_URL.replace(/\/$/, '');
const MODEL = __ENV.SMOKE_MODEL || 'auto';
const ANSWER_MS = Number(__ENV.SMOKE_ANSWER_SECONDS || 30) * 1000;
const MAX_TOKENS = 16;

export const options = {
  scenarios: {
    smoke: {
      executor: 'shared-iterations',
      vus: 2,
      iterations: Number(__ENV.SMOKE_ITERATIONS || 20),
      maxDuration: '4m',
    },
  },
  thresholds: { checks: ['rate==1'] },
};

function headers() {
  const sent = { 'content-type': 'application/json', 'x-weighbridge-canary': __ENV.SMOKE_CANARY };
  if (__ENV.SMOKE_HOST) sent.host = __ENV.SMOKE_HOST;
  if (__ENV.SMOKE_TOKEN) sent.authorization = `Bearer ${__ENV.SMOKE_TOKEN}`;
  return sent;
}

function ask(extra) {
  const body = {
    model: MODEL,
    max_tokens: MAX_TOKENS,
    messages: [{ role: 'user', content: `Count to ${2 + (__ITER % 7)}.` }],
    ...extra,
  };
  return http.post(`${URL}/v1/chat/completions`, JSON.stringify(body), {
    headers: headers(),
    timeout: '60s',
  });
}

function parsed(text) {
  try {
    return JSON.parse(text) || {};
  } catch {
    return {};
  }
}

// Counts that bill a client: whole, positive, within what was allowed, and adding up.
function sound(usage) {
  const { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total } = usage || {};
  return (
    [prompt, completion, total].every((count) => Number.isInteger(count) && count > 0) &&
    completion <= MAX_TOKENS &&
    prompt + completion === total
  );
}

// Says of a wrong answer what came, so that the Job's log tells more than which check failed.
function judge(answer, checks) {
  if (!check(answer, checks)) {
    console.error(`status ${answer.status} ${answer.error}: ${String(answer.body).slice(0, 300)}`);
  }
}

function whole() {
  const answer = ask({});
  const document = parsed(answer.body);
  const choice = (document.choices || [])[0] || {};
  judge(answer, {
    'whole: status is 200': () => answer.status === 200,
    'whole: it comes in time': () => answer.timings.duration <= ANSWER_MS,
    'whole: it says something': () => Boolean((choice.message || {}).content),
    'whole: it says why it ended': () => ['stop', 'length'].includes(choice.finish_reason),
    'whole: its usage adds up': () => sound(document.usage),
  });
}

function streamed() {
  const answer = ask({ stream: true, stream_options: { include_usage: true } });
  const events = String(answer.body || '')
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice(6).trim());
  const chunks = events.slice(0, -1).map(parsed);
  const choices = chunks.flatMap((chunk) => chunk.choices || []);
  const last = chunks[chunks.length - 1] || {};
  judge(answer, {
    'stream: status is 200': () => answer.status === 200,
    'stream: it ends in time': () => answer.timings.duration <= ANSWER_MS,
    'stream: it says something': () => choices.some((choice) => (choice.delta || {}).content),
    'stream: it says why it ended': () =>
      choices.some((choice) => ['stop', 'length'].includes(choice.finish_reason)),
    'stream: its usage adds up': () => sound(last.usage),
    'stream: it ends as it should': () => events[events.length - 1] === '[DONE]',
  });
}

export default function () {
  if (__ITER % 2) streamed();
  else whole();
}
