// One request, and what is measured of it.
import http from 'k6/http';

import { target } from './_environment.js';
import { measures } from './_metrics.js';

export function parsed(text) {
  try {
    return JSON.parse(text) || {};
  } catch {
    return {};
  }
}

// Data of a stream's events, the last one `[DONE]`.
export function events(body) {
  return String(body || '')
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice(6).trim());
}

const header = (answer, name) => answer.headers[name] || '';
export const tierOf = (answer) => header(answer, 'X-Weighbridge-Tier') || 'none';
export const reasonOf = (answer) => header(answer, 'X-Weighbridge-Reason') || 'none';

// Text of an answer; empty where it is not whole.
export function said(answer, stream) {
  if (answer.status !== 200) return '';
  if (!stream) return (((parsed(answer.body).choices || [])[0] || {}).message || {}).content || '';
  const told = events(answer.body);
  if (told[told.length - 1] !== '[DONE]') return '';
  return told
    .slice(0, -1)
    .flatMap((event) => parsed(event).choices || [])
    .map((choice) => (choice.delta || {}).content || '')
    .join('');
}

export function post(path, body, tags = {}) {
  return http.post(`${target.url}${path}`, typeof body === 'string' ? body : JSON.stringify(body), {
    headers: target.headers,
    timeout: target.timeout,
    tags: { name: path, ...tags },
  });
}

// Ask for a chat; `messages` are OpenAI's. Returns the answer's text, empty where it failed.
export function chat(messages, { stream = false, tokens = 16, size = 'short' } = {}) {
  const body = { model: target.model, messages, max_tokens: tokens, stream };
  const answer = post('/v1/chat/completions', body);
  const text = said(answer, stream);
  const tier = tierOf(answer);
  measures.failed.add(!text, { tier });
  if (!text) return text;
  measures.unweighed.add(reasonOf(answer) === 'fail-open');
  if (reasonOf(answer) === 'score') measures.small.add(tier === 'small');
  if (stream && tokens === 1) measures.first_token.add(answer.timings.duration, { tier });
  else measures.answer.add(answer.timings.duration, { tier, size });
  return text;
}

export const user = (content) => [{ role: 'user', content }];
