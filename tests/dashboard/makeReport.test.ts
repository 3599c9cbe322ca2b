/** Reports: what was put in comes out again, and no text of a run becomes a part of the page. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeReport } from '../../src/dashboard/makeReport.ts';
import { DiskFiles } from '../../src/runs/diskFiles.ts';
import { listingOf } from '../../src/training/readListing.ts';
import { encodeReport, type Report } from '../../src/training/report.ts';
import { configWith, RunDirectories, rowsTo } from './runDirectories.ts';

const TEMPLATE =
  '<!doctype html><body><script type="application/json" id="report">null</script><div id="app"></div></body>';
const OPTIONS = { traces: true, mostBytes: 2 ** 24 };
const HOSTILE = [
  '</script><script>alert(1)</script>',
  '<!--',
  '--><img src=x onerror=alert(1)>',
  '\u2028\u2029',
  '$&$1$`',
  ']]>',
  '&lt;',
  '\\u003c',
  '\0',
];

let runs: RunDirectories;
beforeEach(() => {
  runs = new RunDirectories();
});
afterEach(() => runs[Symbol.dispose]());

/** Read the runs of a page as a browser does: the element ends at the first `</script`. */
function contentOf(page: string): Report {
  const begin = page.indexOf('id="report">') + 'id="report">'.length;
  return JSON.parse(page.slice(begin, page.indexOf('</script', begin)));
}

const bytesOf = async (base64: string): Promise<Uint8Array> => {
  const unpacked = new Blob([Buffer.from(base64, 'base64')])
    .stream()
    .pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
};

describe('the content of a report', () => {
  it('comes out as it was put in, and has nothing that ends its element', async () => {
    const listing = await listingOf('a', { list: () => [], read: () => undefined });
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...HOSTILE));
    fc.assert(
      fc.property(fc.dictionary(text, fc.oneof(text, fc.jsonValue())), (options) => {
        const report = { made: '', runs: [{ listing: { ...listing, options }, files: [] }] };
        const encoded = encodeReport(report);
        expect(JSON.parse(encoded)).toEqual(JSON.parse(JSON.stringify(report)));
        expect(encoded).not.toMatch(/[<>&\u2028\u2029]/);
      }),
    );
  });
});

describe('a report', () => {
  it('has the listing and the files of each run, byte by byte', async () => {
    const hostile = HOSTILE.join('');
    const directory = runs.write('a', {
      'config.json': configWith({ note: hostile }, { adapter: { description: hostile } }),
      'metrics.jsonl': rowsTo(3),
      'workers.jsonl': `${JSON.stringify({ step: 1, worker: hostile, name: hostile })}\n`,
      'baseline_completions.jsonl': `${JSON.stringify({ expression: hostile })}\n`,
      'trace/step10.safetensors': Uint8Array.from({ length: 300 }, (_, i) => i),
    });
    const page = await makeReport(TEMPLATE, [{ name: hostile, files: new DiskFiles(directory) }], OPTIONS);
    // The page is as it was, but for the runs.
    expect(page.replace(/(id="report">).*?(<\/script>)/s, '$1null$2')).toBe(TEMPLATE);
    const [run] = contentOf(page).runs;
    expect(run?.listing).toMatchObject({
      id: hostile,
      adapter: hostile,
      step: 3,
      options: { note: hostile },
    });
    const files = new DiskFiles(directory);
    expect(run?.files.map(({ name }) => name)).toEqual(files.list().map(({ name }) => name));
    for (const { name, bytes, gzip } of run?.files ?? []) {
      const unpacked = await bytesOf(gzip);
      expect([
        name,
        unpacked.length,
        Buffer.from(unpacked).equals(files.read(name) ?? new Uint8Array()),
      ]).toEqual([name, bytes, true]);
    }
  });

  it('has the last weights if they are small, and no other checkpoint', async () => {
    const manifest = {
      version: 1,
      checkpoints: [{ name: 'rl_model_step5' }, { name: 'rl_model_step10' }],
      best: null,
    };
    const weights = (bytes: number) => new Uint8Array(bytes);
    const directory = runs.write('a', {
      'config.json': configWith({}),
      'checkpoints/manifest.json': manifest,
      'checkpoints/rl_model_step5.safetensors': weights(10),
      'checkpoints/rl_model_step10.safetensors': weights(10),
      'checkpoints/rl_model_step10.optimizer.safetensors': weights(10),
      lock: 'here 1 -',
    });
    const names = async () => {
      const page = await makeReport(TEMPLATE, [{ name: 'a', files: new DiskFiles(directory) }], OPTIONS);
      return contentOf(page).runs[0]?.files.map(({ name }) => name);
    };
    expect(await names()).toEqual([
      'checkpoints/manifest.json',
      'checkpoints/rl_model_step10.safetensors',
      'config.json',
    ]);
    writeFileSync(join(directory, 'checkpoints/rl_model_step10.safetensors'), weights(8 * 2 ** 20 + 1));
    expect(await names()).toEqual(['checkpoints/manifest.json', 'config.json']);
  });

  it('can do without traces, and is refused if it is too large for a browser', async () => {
    const noise = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919 * (i % 97)) >> 3);
    const directory = runs.write('a', { 'config.json': configWith({}), 'trace/step10.safetensors': noise });
    const make = (options: object) =>
      makeReport(TEMPLATE, [{ name: 'a', files: new DiskFiles(directory) }], { ...OPTIONS, ...options });
    expect(contentOf(await make({ traces: false })).runs[0]?.files.map(({ name }) => name)).toEqual([
      'config.json',
    ]);
    await expect(make({ mostBytes: 2000 })).rejects.toThrow(
      /more than 0 MiB, too much for a browser to open; give fewer runs, or leave out the traces with --no_traces/,
    );
    await expect(make({ mostBytes: 2000, traces: false })).resolves.toContain('id="report"');
  });

  it('has a torn run with its problem', async () => {
    const directory = runs.write('a', { 'config.json': '{', 'metrics.jsonl': '{' });
    const [run] = contentOf(
      await makeReport(TEMPLATE, [{ name: 'a', files: new DiskFiles(directory) }], OPTIONS),
    ).runs;
    expect(run?.listing).toMatchObject({
      state: 'unreadable',
      problem: expect.stringContaining('is not JSON'),
    });
  });
});
