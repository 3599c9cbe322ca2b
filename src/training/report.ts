/** Runs inside a report: one page with everything in it. Both sides of the place in the page where the runs lie. */
import type { ListedFile } from './runFiles.ts';
import type { RunListing } from './runListing.ts';

/** The id of the element of the page that holds the runs. */
export const REPORT_ELEMENT = 'report';

/** A file in a report. */
export interface ReportFile extends ListedFile {
  /** Its bytes, compressed with gzip, in base64. */
  readonly gzip: string;
}

/** A run in a report. */
export interface ReportRun {
  readonly listing: RunListing;
  readonly files: readonly ReportFile[];
}

/** The content of a report. */
export interface Report {
  /** Time at which it was made, ISO 8601. */
  readonly made: string;
  readonly runs: readonly ReportRun[];
}

/**
 * Encode a report as JSON that is inert in a page: without a `<`, no tag and no comment begins in it, whatever the texts of
 * runs are; U+2028 and U+2029 would end a line in old programs.
 */
export function encodeReport(report: Report): string {
  return JSON.stringify(report).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
