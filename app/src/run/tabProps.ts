/** The contract of the pages of a run. */
import type { RunData } from '../data/runData.ts';
import type { RunRoute } from '../shell/routes.ts';

/** Props of every page of a run. */
export interface RunTabProps {
  readonly run: RunData;
  readonly route: RunRoute;
}
