/** Makes a report of runs: the built page with the files of the runs inside. */
import { gzipSync } from 'node:zlib';
import { isRecord } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import { jsonObject } from '../base/json.ts';
import type { DiskFiles } from '../runs/diskFiles.ts';
import { listingOf } from '../training/readListing.ts';
import { encodeReport, REPORT_ELEMENT, type ReportRun } from '../training/report.ts';
import type { ListedFile } from '../training/runFiles.ts';

/** Options of a report. */
export interface ReportOptions {
  /** Leave out the traces of steps, which are most of a large report. */
  readonly traces: boolean;
  /** Maximum size of the report in bytes. */
  readonly mostBytes: number;
}

/** A run to put into a report. */
export interface RunToReport {
  readonly name: string;
  readonly files: DiskFiles;
}

/** Weights of at most so many bytes go into a report, so that its Heads can be looked at. */
const MOST_WEIGHTS = 8 * 2 ** 20;

/** Files of a run that its pages read. */
const READ =
  /^(config\.json|metrics\.jsonl|workers\.jsonl|summary\.json|evaluation\.jsonl|\w+_completions\.jsonl|samples_step\d+\.jsonl|checkpoints\/manifest\.json)$/;
const TRACE = /^trace\/step\d+\.safetensors$/;

/**
 * Make the page of a report.
 * @param template the page that `builtPart('report')` has built.
 * @throws MathformerError, REPORT_TOO_LARGE.
 */
export async function makeReport(
  template: string,
  runs: readonly RunToReport[],
  options: ReportOptions,
  now = new Date(),
): Promise<string> {
  const reported: ReportRun[] = [];
  let size = template.length;
  for (const run of runs) {
    const made = await reportRun(run, options);
    size += made.files.reduce((sum, { gzip }) => sum + gzip.length, 0);
    if (size > options.mostBytes) throw tooLarge(options);
    reported.push(made);
  }
  const content = encodeReport({ made: now.toISOString(), runs: reported });
  const place = `<script type="application/json" id="${REPORT_ELEMENT}">`;
  const at = template.indexOf(`${place}null</script>`);
  if (at < 0) throw new Error('the built page has no place for runs');
  const begin = at + place.length;
  return template.slice(0, begin) + content + template.slice(begin + 'null'.length);
}

async function reportRun({ name, files }: RunToReport, { traces }: ReportOptions): Promise<ReportRun> {
  const listed = files.list();
  const weights = lastWeights(files, listed);
  const chosen = listed.filter(
    (file) => READ.test(file.name) || (traces && TRACE.test(file.name)) || file.name === weights,
  );
  return {
    listing: await listingOf(name, files),
    files: chosen.flatMap((file) => {
      const bytes = files.read(file.name);
      // A run in training may have removed it meanwhile, or appended to it.
      return bytes ? [{ ...file, bytes: bytes.length, gzip: gzipSync(bytes).toString('base64') }] : [];
    }),
  };
}

/** Return the name of the last checkpoint's weights; undefined without any, or if they are large. */
function lastWeights(files: DiskFiles, listed: readonly ListedFile[]): string | undefined {
  const { checkpoints } = jsonObject(new TextDecoder().decode(files.read('checkpoints/manifest.json'))) ?? {};
  const entries: readonly unknown[] = Array.isArray(checkpoints) ? checkpoints : [];
  const last = entries.findLast(isRecord);
  const file = listed.find(({ name }) => name === `checkpoints/${String(last?.name)}.safetensors`);
  return file && file.bytes <= MOST_WEIGHTS ? file.name : undefined;
}

function tooLarge({ traces, mostBytes }: ReportOptions): MathformerError {
  const problem = `the report would have more than ${Math.round(mostBytes / 2 ** 20)} MiB, too much for a browser to open`;
  const fix = `give fewer runs${traces ? ', or leave out the traces with --no_traces' : ''}; or use mathformer dashboard`;
  return new MathformerError(problem, { code: 'REPORT_TOO_LARGE', where: 'report', fix });
}
