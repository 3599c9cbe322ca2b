/** Measurements as a table for the terminal and as a page that needs nothing else. */
import { type EChartsOption, init } from 'echarts';
import { columns } from '../src/cli/columns.ts';
import type { Growth } from './growth.ts';
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

/** A chart drawn on the server. */
function drawn(option: EChartsOption, width: number, height: number): string {
  const plot = init(null, null, { renderer: 'svg', ssr: true, width, height });
  plot.setOption({ animation: false, ...option });
  const svg = plot.renderToSVGString();
  plot.dispose();
  return svg;
}

/** η of every kernel and shape as a bar. */
function efficiencyChart(results: readonly KernelResult[]): string {
  const option: EChartsOption = {
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
  };
  return drawn(option, 960, 60 + 22 * results.length);
}

/** Time over size, both logarithmic: a straight line's slope is its exponent. */
function growthChart({ axis, sizes, times, exponent }: Growth): string {
  const option: EChartsOption = {
    title: { text: `${axis}: exponent ${exponent.toFixed(2)}`, left: 'center' },
    grid: { left: 70, right: 30, top: 50, bottom: 50 },
    xAxis: {
      type: 'log',
      name: axis,
      nameLocation: 'middle',
      nameGap: 28,
      logBase: 2,
      min: Math.min(...sizes),
    },
    yAxis: { type: 'log', name: 'ms' },
    series: [{ type: 'line', data: sizes.map((size, i) => [size, (times[i] ?? 0) * 1000]) }],
  };
  return drawn(option, 470, 320);
}

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** A page that needs nothing but itself. */
function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escapeHtml(title)}</title>
<style>
body { font: 15px system-ui, sans-serif; margin: 2rem auto; max-width: 1000px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.15rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
</style>
<h1>${escapeHtml(title)}</h1>
${body}
</html>
`;
}

export function kernelReport(adapter: string, { ceilings, results }: Measured): string {
  const row = (tag: string, texts: readonly string[]): string =>
    `<tr>${texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join('')}</tr>`;
  return page(
    `Kernels on ${adapter}`,
    `<p>η = (max(FLOPs / P, bytes / W) + dispatches · t0) / time, with ${escapeHtml(ceilingText(ceilings))}, measured in turns
with the kernels: 1 is what the adapter's own best multiply-adds and copies allow. Times are medians.</p>
${efficiencyChart(results)}
<table>
${row('th', HEADING)}
${results.map((result) => row('td', cells(result))).join('\n')}
</table>`,
  );
}

export function growthReport(adapter: string, growth: readonly Growth[]): string {
  return page(
    `Growth of a supervised step on ${adapter}`,
    `<p>The median time of a captured step over one size, the others fixed. Both axes are logarithmic.</p>
${growth.map(growthChart).join('\n')}`,
  );
}
