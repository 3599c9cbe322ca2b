/** Draw plots as SVG text, without a browser. */
import { type EChartsOption, init } from 'echarts';
import type { Growth } from './growth.ts';

/** Return a plot as SVG text. */
export function drawn(option: EChartsOption, width: number, height: number): string {
  const plot = init(null, null, { renderer: 'svg', ssr: true, width, height });
  plot.setOption({ animation: false, ...option });
  const svg = plot.renderToSVGString();
  plot.dispose();
  return svg;
}

const LABELS = 430;

/** Draw one horizontal bar for each value, the first at the top. */
export function bars(
  rows: readonly { readonly name: string; readonly value: number }[],
  { axis, digits }: { readonly axis: string; readonly digits: number },
): string {
  const option: EChartsOption = {
    grid: { left: LABELS, right: 60, top: 10, bottom: 40 },
    xAxis: { type: 'value', name: axis, min: 0 },
    yAxis: {
      type: 'category',
      inverse: true,
      data: rows.map(({ name }) => name),
      axisLabel: { width: LABELS - 10, overflow: 'truncate' },
    },
    series: [
      {
        type: 'bar',
        data: rows.map(({ value }) => Number(value.toFixed(digits))),
        label: { show: true, position: 'right' },
      },
    ],
  };
  return drawn(option, 960, 60 + 22 * rows.length);
}

/** Plot time over size, both logarithmic, with the fitted power law through the centre of the points. */
export function growthChart({ axis, sizes, times, exponent }: Growth): string {
  const mean = (values: readonly number[]): number =>
    Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
  const milliseconds = times.map((time) => time * 1000);
  const [middle, height] = [mean(sizes), mean(milliseconds)];
  const fitted = sizes.map((size) => [size, height * (size / middle) ** exponent]);
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
    series: [
      { type: 'scatter', data: sizes.map((size, i) => [size, milliseconds[i] ?? 0]) },
      { type: 'line', data: fitted, showSymbol: false, lineStyle: { type: 'dashed' } },
    ],
  };
  return drawn(option, 470, 320);
}
