/** Draw the plots of docs/LEARNING.md as SVG text. */
import type { EChartsOption } from 'echarts';
import { drawn } from '../bench/charts.ts';
import type { Interval } from '../src/base/statistics.ts';

/** A curve with one line for each seed, or a single given line. */
export interface Curve {
  readonly name: string;
  /** [step, percent], one list for each seed. */
  readonly seeds: readonly (readonly (readonly [number, number])[])[];
  readonly dashed?: boolean;
}

const COLOURS = ['#5470c6', '#ee6666', '#3ba272', '#fac858', '#9a60b4', '#73c0de', '#ea7ccc', '#888'];
const colour = (index: number): string => COLOURS[index % COLOURS.length] ?? '#888';

/** Plot accuracy over steps: each seed as a thin line, their mean as a thick line where all seeds have a point. */
export function curves(
  all: readonly Curve[],
  {
    axis,
    lines = [],
  }: { readonly axis: string; readonly lines?: readonly { name: string; value: number }[] },
): string {
  const option: EChartsOption = {
    legend: { type: 'plain', top: 0, itemWidth: 18, itemGap: 14, data: all.map(({ name }) => name) },
    grid: { left: 60, right: 30, top: 30 + 25 * Math.ceil(all.length / 5), bottom: 45 },
    xAxis: { type: 'value', name: 'GRPO steps', nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: 'value', name: axis, nameLocation: 'middle', nameGap: 35, scale: true },
    series: all.flatMap(({ name, seeds, dashed = false }, i) => [
      ...(seeds.length < 2 ? [] : seeds).map((points) => ({
        type: 'line' as const,
        data: points.map((point) => [...point]),
        showSymbol: false,
        silent: true,
        lineStyle: { width: 1, opacity: 0.35, color: colour(i) },
        itemStyle: { color: colour(i) },
      })),
      {
        type: 'line' as const,
        name,
        data: meanCurve(seeds),
        showSymbol: dashed,
        lineStyle: { width: 2.5, type: dashed ? ('dashed' as const) : ('solid' as const), color: colour(i) },
        itemStyle: { color: colour(i) },
        ...(i === 0 && {
          markLine: {
            symbol: 'none',
            lineStyle: { color: '#999', type: 'dotted' as const },
            data: lines.map((line) => ({
              yAxis: line.value,
              label: { formatter: line.name, position: 'insideStartTop' as const },
            })),
          },
        }),
      },
    ]),
  };
  return drawn(option, 860, 420);
}

function meanCurve(seeds: Curve['seeds']): [number, number][] {
  const steps = [...new Set(seeds.flatMap((points) => points.map(([step]) => step)))].sort((a, b) => a - b);
  return steps.flatMap((step): [number, number][] => {
    const values = seeds.flatMap((points) => points.filter(([at]) => at === step).map(([, value]) => value));
    if (values.length < seeds.length) return [];
    return [[step, values.reduce((sum, value) => sum + value, 0) / values.length]];
  });
}

/** Plot differences with their intervals, one row each, and mark 0. */
export function differences(
  rows: readonly { readonly name: string; readonly interval: Interval; readonly seeds: readonly number[] }[],
  axis: string,
): string {
  const names = rows.map(({ name }) => name);
  const option: EChartsOption = {
    grid: { left: 190, right: 40, top: 10, bottom: 45 },
    xAxis: { type: 'value', name: axis, nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: 'category', inverse: true, data: names },
    series: [
      ...rows.map(({ name, interval: { low, high } }) => ({
        type: 'line' as const,
        data: [low, high].map((value) => [value, name]),
        showSymbol: false,
        lineStyle: { width: 3, color: colour(0), opacity: 0.5 },
      })),
      {
        type: 'scatter',
        data: rows.map(({ name, interval }) => [interval.estimate, name]),
        symbolSize: 10,
        itemStyle: { color: colour(0) },
        markLine: {
          symbol: 'none',
          label: { show: false },
          lineStyle: { color: '#999' },
          data: [{ xAxis: 0 }],
        },
      },
      {
        type: 'scatter',
        data: rows.flatMap(({ name, seeds }) => seeds.map((value) => [value, name])),
        symbolSize: 5,
        itemStyle: { color: '#333' },
      },
    ],
  };
  return drawn(option, 860, 70 + 24 * rows.length);
}
