/** Measurements as a table for the terminal and as a page that needs nothing else. */
import { init } from 'echarts';
import { columns } from '../src/cli/columns.ts';
import type { Ceilings, KernelResult } from './measure.ts';

export interface Measured {
  readonly ceilings: Ceilings;
  readonly results: readonly KernelResult[];
}

const HEADING = ['kernel', 'shape', 'median ms', 'quartiles', 'GFLOP/s', 'GB/s', 'dispatches', 'η'];

function cells({
  kernel,
  shape,
  flops,
  bytes,
  dispatches,
  median,
  quartiles,
  efficiency,
}: KernelResult): string[] {
  const ms = (seconds: number): string => (seconds * 1000).toFixed(3);
  return [
    kernel,
    shape,
    ms(median),
    `${ms(quartiles[0])} to ${ms(quartiles[1])}`,
    flops > 0 ? (flops / median / 1e9).toFixed(1) : '',
    (bytes / median / 1e9).toFixed(2),
    String(dispatches),
    efficiency.toFixed(2),
  ];
}

const ceilingText = ({ P, W, t0 }: Ceilings): string =>
  `P ${(P / 1e9).toFixed(1)} GFLOP/s, W ${(W / 1e9).toFixed(2)} GB/s, t0 ${(t0 * 1e6).toFixed(1)} µs`;

export function kernelTable({ ceilings, results }: Measured): string[] {
  return [
    ...columns([HEADING, ...results.map(cells)], 2),
    `measured in the same run: ${ceilingText(ceilings)}`,
  ];
}

/** η of every kernel and shape as a bar, drawn on the server. */
function chart(results: readonly KernelResult[]): string {
  const height = 60 + 22 * results.length;
  const plot = init(null, null, { renderer: 'svg', ssr: true, width: 960, height });
  plot.setOption({
    animation: false,
    grid: { left: 380, right: 60, top: 10, bottom: 40 },
    xAxis: { type: 'value', name: 'η', min: 0 },
    yAxis: {
      type: 'category',
      inverse: true,
      data: results.map(({ kernel, shape }) => `${kernel}, ${shape}`),
      axisLabel: { width: 370, overflow: 'truncate' },
    },
    series: [
      {
        type: 'bar',
        data: results.map(({ efficiency }) => Number(efficiency.toFixed(3))),
        label: { show: true, position: 'right' },
      },
    ],
  });
  const svg = plot.renderToSVGString();
  plot.dispose();
  return svg;
}

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export function kernelReport(title: string, { ceilings, results }: Measured): string {
  const row = (tag: string, texts: readonly string[]): string =>
    `<tr>${texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join('')}</tr>`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Kernels on ${escapeHtml(title)}</title>
<style>
body { font: 15px system-ui, sans-serif; margin: 2rem auto; max-width: 1000px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
</style>
<h1>Kernels on ${escapeHtml(title)}</h1>
<p>η = (max(FLOPs / P, bytes / W) + dispatches · t0) / time, with ${escapeHtml(ceilingText(ceilings))}, measured in turns with the
kernels: 1 is what the adapter's own best multiply-adds and copies allow. Times are medians.</p>
${chart(results)}
<table>
${row('th', HEADING)}
${results.map((result) => row('td', cells(result))).join('\n')}
</table>
</html>
`;
}
