// What a run is told by its environment: checked when k6 reads the script, so that nothing is sent
// with half of it wrong. README.md lists the names.

function wrong(name, expected) {
  throw new Error(`${name}: expected ${expected}, came "${__ENV[name]}"`);
}

export function number(name, fallback, least = 0) {
  if (!__ENV[name]) return fallback;
  const read = Number(__ENV[name]);
  return read >= least ? read : wrong(name, `a number from ${least} up`);
}

export function share(name, fallback) {
  if (!__ENV[name]) return fallback;
  const read = Number(__ENV[name]);
  return read >= 0 && read <= 1 ? read : wrong(name, 'a share from 0 to 1');
}

export function duration(name, fallback) {
  if (!__ENV[name]) return fallback;
  return /^(\d+(\.\d+)?(h|m|s|ms))+$/.test(__ENV[name])
    ? __ENV[name]
    : wrong(name, 'a duration such as 30s or 5m');
}

function url() {
  const given = __ENV.WEIGHBRIDGE_URL || 'http://127.0.0.1:8080';
  return /^https?:\/\/[^/]+/.test(given)
    ? given.replace(/\/(v1\/?)?$/, '')
    : wrong('WEIGHBRIDGE_URL', 'the endpoint, such as https://llm.example.com');
}

function headers() {
  const sent = { 'content-type': 'application/json' };
  if (__ENV.WEIGHBRIDGE_HOST) sent.host = __ENV.WEIGHBRIDGE_HOST;
  if (__ENV.WEIGHBRIDGE_TOKEN) sent.authorization = `Bearer ${__ENV.WEIGHBRIDGE_TOKEN}`;
  if (__ENV.WEIGHBRIDGE_CANARY) sent['x-weighbridge-canary'] = __ENV.WEIGHBRIDGE_CANARY;
  return sent;
}

export const target = {
  url: url(),
  headers: headers(),
  model: __ENV.WEIGHBRIDGE_MODEL || 'auto',
  timeout: duration('WEIGHBRIDGE_TIMEOUT', '120s'),
};
