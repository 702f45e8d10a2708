// What is measured, and promises on it that can't be kept by measuring nothing.
//
// k6 finds a threshold kept where no sample came. A counter beside each metric says how many there
// were, and a promise is two thresholds: its own, and that the counter is not 0.
import { Counter, Rate, Trend } from 'k6/metrics';

const COUNT = '_samples';

class Measure {
  constructor(metric, name) {
    this.metric = metric;
    this.count = new Counter(`${name}${COUNT}`);
  }

  add(value, tags) {
    this.metric.add(value, tags);
    this.count.add(1, tags);
  }
}

const trend = (name) => new Measure(new Trend(name, true), name);
const rate = (name) => new Measure(new Rate(name), name);

export const measures = {
  // Milliseconds from a request's last byte to the first token: of streams that ask for one alone.
  first_token: trend('first_token'),
  // Milliseconds to the whole answer, by tier and by `size` (short, long).
  answer: trend('answer'),
  // Of requests: no answer, another status than was due, or an answer that is not whole.
  failed: rate('failed'),
  // Of answers: the router was not heard, and the fallback pool served.
  unweighed: rate('unweighed'),
  // Of weighed answers: served by the small tier.
  small: rate('small'),
};

// Thresholds of promises such as {'first_token{tier:small}': ['p(95)<300']}.
export function promises(wanted) {
  const thresholds = {};
  for (const [name, limits] of Object.entries(wanted)) {
    const [, metric, tags] = name.match(/^([a-z_]+)(\{.*\})?$/) || [];
    if (!(metric in measures)) {
      const known = Object.keys(measures).join(', ');
      throw new Error(`threshold on ${name}: no such metric is measured; expected one of ${known}`);
    }
    thresholds[name] = limits;
    thresholds[`${metric}${COUNT}${tags || ''}`] = ['count>0'];
  }
  return thresholds;
}

export const isCount = (name) => name.replace(/\{.*\}$/, '').endsWith(COUNT);
export const counted = (name) => name.replace(COUNT, '');
