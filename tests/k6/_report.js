// The summary: a table for people, and where OUT names a folder, the same as HTML and all of it as JSON.
import { counted, isCount } from './_metrics.js';

// What was promised, what was seen, and whether that keeps it. Of what was not measured only that.
function rows(data) {
  const promised = Object.entries(data.metrics)
    .sort()
    .flatMap(([name, metric]) =>
      Object.entries(metric.thresholds || {}).map(([limit, { ok }]) => ({ name, metric, limit, ok })),
    );
  const missed = promised.filter(({ name, ok }) => isCount(name) && !ok).map(({ name }) => counted(name));
  return [
    ...missed.map((name) => ({ name, limit: 'measured at all', seen: 'nothing', ok: false })),
    ...promised
      .filter(({ name }) => !isCount(name) && !missed.includes(name))
      .map(({ name, metric, limit, ok }) => ({ name, limit, ok, seen: seen(metric, limit) })),
  ];
}

function seen(metric, limit) {
  const value = metric.values[limit.match(/^[a-z]+(\([\d.]+\))?/)[0]];
  if (value === undefined) return '-';
  return metric.contains === 'time' ? `${value.toFixed(1)} ms` : String(Number(value.toFixed(4)));
}

function table(all) {
  const wide = Math.max(...all.map((row) => row.name.length));
  const middle = Math.max(...all.map((row) => row.limit.length));
  return all
    .map((row) => `${row.ok ? 'kept  ' : 'BROKEN'}  ${row.name.padEnd(wide)}  ${row.limit.padEnd(middle)}  ${row.seen}`)
    .join('\n');
}

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

function page(suite, all, data) {
  const cells = (row) => [row.ok ? 'kept' : 'broken', row.name, row.limit, row.seen];
  const lines = all.map(
    (row) => `<tr class="${row.ok ? 'kept' : 'broken'}">${cells(row).map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`,
  );
  const seconds = (data.state.testRunDurationMs / 1000).toFixed(0);
  return `<!doctype html>
<meta charset="utf-8"><title>Weighbridge: ${suite}</title>
<style>body{font:16px sans-serif;margin:2em}td,th{padding:.3em 1em;text-align:left}.broken{background:#fdd}.kept td:first-child{color:#070}</style>
<h1>${suite}: ${all.every((row) => row.ok) ? 'kept' : 'broken'}</h1>
<p>${total(data)} requests in ${seconds} s</p>
<table><tr><th></th><th>measured</th><th>promised</th><th>seen</th></tr>
${lines.join('\n')}
</table>
`;
}

const total = (data) => ((data.metrics.http_reqs || {}).values || { count: 0 }).count;

// Made into a script's handleSummary: export const handleSummary = report('slo');
export function report(suite) {
  return (data) => {
    const all = rows(data);
    const out = __ENV.OUT ? __ENV.OUT.replace(/\/$/, '') : '';
    return {
      stdout: `\n${suite}: ${total(data)} requests\n${table(all)}\n`,
      ...(out && {
        [`${out}/${suite}.json`]: JSON.stringify(data, null, 1),
        [`${out}/${suite}.html`]: page(suite, all, data),
      }),
    };
  };
}
