/** The runs inside a report. */
import {
  type ListedFile,
  REPORT_ELEMENT,
  type Report,
  type ReportFile,
  type RunFiles,
} from 'mathformer/training';
import type { RunSource } from './source.ts';

/** Look for runs in this page; undefined if it is no report. */
export function findReport(): RunSource | undefined {
  const report: Report | null = JSON.parse(document.getElementById(REPORT_ELEMENT)?.textContent ?? 'null');
  return report ? reportSource(report) : undefined;
}

/** Make a source of the runs of a report. A file is unpacked when it is read. */
export function reportSource({ made, runs }: Report): RunSource {
  const filesById = new Map(runs.map(({ listing, files }) => [listing.id, filesOf(files)]));
  return {
    name: `Report of ${made.slice(0, 10)}`,
    list: async () => runs.map(({ listing }) => listing),
    open: (id) => filesById.get(id) ?? filesOf([]),
    // The files are as they were when the report was made.
    subscribe: () => () => {},
    watch: () => () => {},
    connection(on) {
      on('static');
      return () => {};
    },
  };
}

function filesOf(files: readonly ReportFile[]): RunFiles {
  const byName = new Map(files.map((file) => [file.name, file]));
  return {
    list: (): readonly ListedFile[] => files.map(({ name, bytes, modified }) => ({ name, bytes, modified })),
    read: async (name, from = 0) => {
      const file = byName.get(name);
      return file && (await unpacked(file.gzip)).subarray(from);
    },
  };
}

async function unpacked(base64: string): Promise<Uint8Array> {
  const packed = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const bytes = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(bytes).arrayBuffer());
}
