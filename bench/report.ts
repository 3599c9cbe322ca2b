/** Write bench/results/<adapter>/report.html: all results of the suites on one page. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bars, growthChart } from './charts.ts';
import { COMPARISONS, fileOf } from './comparison.ts';
import { escapeHtml, htmlTable, page, type Section } from './page.ts';
import { shareOf } from './profile.ts';
import { readComparison, readResults, type SuiteName, type SuiteResults } from './results.ts';
import { total } from './statistics.ts';
import {
  ceilingText,
  countTable,
  enduranceTable,
  kernelTable,
  shareTable,
  shareText,
  stepTable,
  swarmText,
  workersTable,
} from './tables.ts';

const ETA =
  'η = (max(FLOPs / P, bytes / W) + dispatches · t0) / time: 1 is what the adapter’s own best multiply-adds (P), copies (W) ' +
  'and empty dispatches (t0) allow. All are timed in turns; times are medians.';
const GPU =
  'The columns “gpu” are by the GPU’s own clock, each dispatch alone, without the cost of dispatching.';
const BENNY =
  'Operations per second of one case after another, from the call until the device has finished, with benny’s margin of error. ' +
  'They are not timed in turns: for a few percent, trust η.';
const COUNTS =
  'Dispatches of a step with the kernels of this adapter, and with those of GPUs that have subgroups of 32 lanes or none.';
const KERNELS_SHOWN = 12;

const paragraph = (text: string): string => `<p>${escapeHtml(text)}</p>`;

type Sections = { readonly [name in SuiteName]: (results: SuiteResults[name]) => Section };

const SECTIONS: Sections = {
  kernels: (measured) => ({
    title: 'Kernels',
    body: [
      paragraph(`${ETA} Here: ${ceilingText(measured.ceilings)}. ${GPU}`),
      bars(
        measured.results.map(({ kernel, shape, efficiency }) => ({
          name: `${kernel}, ${shape}`,
          value: efficiency,
        })),
        { axis: 'η', digits: 3 },
      ),
      htmlTable(kernelTable(measured)),
    ].join('\n'),
  }),
  steps: ({ ceilings, steps, counts }) => ({
    title: 'Whole steps',
    body: [
      paragraph(
        `η of a step is the sum of the least times of its dispatches, max(FLOPs / P, bytes / W) + t0, over its time when replayed; ` +
          `“of P” is the share of P by the usual count of FLOPs in training. Here: ${ceilingText(ceilings)}. ` +
          'Tokens are without padding; CPU time is that of encoding and submitting.',
      ),
      htmlTable(stepTable(steps, counts)),
      ...(counts.length > 0 ? [paragraph(COUNTS), htmlTable(countTable(counts))] : []),
      ...steps.map(stepSection),
    ].join('\n'),
  }),
  replay: (replays) => ({
    title: 'Capture and replay',
    body: `${paragraph('CPU time to encode and submit a step while the GPU is idle.')}
${htmlTable({
  heading: ['step', 'dispatches', 'eager ms', 'replayed ms', 'ratio'],
  rows: replays.map(({ name, dispatches, eager, replayed }) => [
    name,
    String(dispatches),
    eager.toFixed(2),
    replayed.toFixed(2),
    (eager / replayed).toFixed(1),
  ]),
  left: 1,
})}`,
  }),
  growth: (growth) => ({
    title: 'Growth of a supervised step',
    body: `${paragraph('The median time of a captured step over one size, the others fixed. Both axes are logarithmic; dashed is the fitted power.')}
${growth.map(growthChart).join('\n')}`,
  }),
  startup: ({ warm, cold }) => ({
    title: 'Start-up',
    body: paragraph(
      `The first training step is done after ${warm.toFixed(1)} s, after ${cold.toFixed(1)} s with a cold shader cache.`,
    ),
  }),
  workers: (results) => ({
    title: 'Workers',
    body: [
      paragraph(
        'GRPO with simulated workers, which take a set time and no CPU. The bound is the trainer’s share of a step and the rollout divided by all machines, ' +
          'the trainer among them; of stale rollouts it is the longer of both.',
      ),
      ...results.map((result) => paragraph(shareText(result))),
      htmlTable(workersTable(results)),
    ].join('\n'),
  }),
  swarm: (swarm) => ({ title: 'A swarm of workers', body: swarmText(swarm).map(paragraph).join('\n') }),
  endurance: (looks) => ({
    title: 'Memory over many items',
    body: `${paragraph('A trainer and a worker; each step has other weights.')}\n${htmlTable(enduranceTable(looks))}`,
  }),
};

/** Show the kernels of a step by their time. */
function stepSection({ name, kernels, gpu }: SuiteResults['steps']['steps'][number]): string {
  const all = total(kernels.map(shareOf));
  const shown = kernels.slice(0, KERNELS_SHOWN);
  const shares = shown.map((each) => ({ name: each.kernel, value: (100 * shareOf(each)) / all }));
  const kind = gpu === null ? 'least time; the adapter has no timestamps' : 'time on the GPU';
  return `<h3>${escapeHtml(name)}: share of the ${kind}</h3>
${bars(shares, { axis: '%', digits: 1 })}
${htmlTable(shareTable(kernels, KERNELS_SHOWN))}`;
}

const leftOut = (error: unknown, suite: string): string => {
  const reason = error instanceof Error ? error.message : String(error);
  return paragraph(`Left out: ${reason}. Run npm run bench -- ${suite} again.`);
};

function section<Name extends SuiteName>(folder: string, name: Name): Section | undefined {
  const path = join(folder, `${name}.json`);
  if (!existsSync(path)) return undefined;
  try {
    return SECTIONS[name](readResults(path, name));
  } catch (error) {
    return { title: name, body: leftOut(error, name) };
  }
}

/** Show the comparisons, one plot each, with links to benny's charts; undefined without any. */
function comparisonSection(folder: string): Section | undefined {
  const within = join(folder, COMPARISONS);
  const files = existsSync(within) ? readdirSync(within).filter((name) => name.endsWith('.json')) : [];
  if (files.length === 0) return undefined;
  const bodies = files.toSorted().map((file) => {
    try {
      const { name, results } = readComparison(join(within, file));
      const plot = bars(
        results.map(({ name, ops, margin }) => ({ name: `${name}, ±${margin} %`, value: ops })),
        { axis: 'per second', digits: 2 },
      );
      const chart = `${COMPARISONS}/${fileOf(name)}.chart.html`;
      return `<h3>${escapeHtml(name)}</h3>\n${plot}\n<p><a href="${escapeHtml(chart)}">benny’s chart</a></p>`;
    } catch (error) {
      return leftOut(error, 'variants ops peers');
    }
  });
  return { title: 'Comparisons by benny', body: [paragraph(BENNY), ...bodies].join('\n') };
}

const ORDER = ['kernels', 'steps', 'replay', 'growth', 'startup', 'workers', 'swarm', 'endurance'] as const;

/** Write the page of a folder of results, and return its path. */
export function writeReport(folder: string, adapter = basename(folder)): string {
  const sections = [
    ...ORDER.flatMap((name) => section(folder, name) ?? []),
    ...[comparisonSection(folder) ?? []].flat(),
  ];
  const path = join(folder, 'report.html');
  writeFileSync(path, page(`Benchmark on ${adapter}`, sections));
  return path;
}
