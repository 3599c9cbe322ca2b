/** The state of a lent tab, by what its Worker reports. */
import type { PlainFailure } from '../data/plainFailure.ts';
import type { LendEvent, LendReport, LentDevice, WorkerCounts } from './protocol.ts';

/**
 * `opening` the device, `connecting` to the server, `waiting` for a run, `working` for one; `disconnected`: the connection is lost,
 * and is tried again; `stopping`: the item at hand is finished.
 */
export type LendStatus =
  | 'idle'
  | 'opening'
  | 'connecting'
  | 'waiting'
  | 'working'
  | 'disconnected'
  | 'stopping';

/** A message that stays until it no longer holds. Names and problems are another machine's words: untrusted. */
export interface LendNotice {
  /** Tells messages about one thing apart from others. */
  readonly about: string;
  readonly problem: string;
  readonly fix: string;
  /** The run takes machines of another class alone: another device of this tab may be of that class. */
  readonly isOfClass?: boolean | undefined;
}

/** The state of a lent tab. */
export interface LendState {
  readonly status: LendStatus;
  readonly device: LentDevice | undefined;
  /** The name of the run that it works for. */
  readonly run: string | undefined;
  readonly counts: WorkerCounts;
  /** The version of the weights that were fetched last. */
  readonly version: number | undefined;
  readonly notices: readonly LendNotice[];
  /** The reason why it ended, if that was a failure. */
  readonly failure: PlainFailure | undefined;
}

const NO_COUNTS: WorkerCounts = { items: 0, tokens: 0, tokensPerSecond: 0 };

/** A tab that is not lent. */
export const IDLE: LendState = {
  status: 'idle',
  device: undefined,
  run: undefined,
  counts: NO_COUNTS,
  version: undefined,
  notices: [],
  failure: undefined,
};

/** The state when a Worker starts. */
export const OPENING: LendState = { ...IDLE, status: 'opening' };

/** Return the state after a report. */
export function heard(state: LendState, report: LendReport): LendState {
  switch (report.type) {
    case 'device':
      return { ...state, device: report.device, status: unlessStopping(state, 'connecting') };
    case 'connected':
      return { ...state, status: unlessStopping(state, 'waiting') };
    case 'counts':
      return { ...state, counts: report.counts };
    case 'ended':
      return { ...state, status: 'idle', run: undefined, failure: report.failure };
    case 'event':
      return happened(state, report.event);
    default:
      return report satisfies never;
  }
}

function happened(state: LendState, event: LendEvent): LendState {
  switch (event.type) {
    case 'disconnected':
      return { ...state, status: unlessStopping(state, 'disconnected') };
    case 'reconnected':
      return { ...state, status: unlessStopping(state, state.run === undefined ? 'waiting' : 'working') };
    case 'waiting':
      return { ...state, status: unlessStopping(state, 'waiting') };
    case 'joined':
      return { ...state, run: event.name, notices: [], status: unlessStopping(state, 'working') };
    case 'left':
      return { ...state, run: undefined, version: undefined, status: unlessStopping(state, 'waiting') };
    case 'weights':
      return { ...state, version: event.version };
    case 'refused':
      return noticed(state, {
        about: event.run,
        problem: `The run ${event.name} refuses this tab: ${event.refusal.problem}`,
        fix: event.refusal.fix,
        isOfClass: event.refusal.reason === 'class',
      });
    case 'unable':
      return noticed(state, {
        about: event.run,
        problem: `This tab cannot work for the run ${event.name}: ${event.failure.problem}`,
        fix: event.failure.fix,
      });
    case 'malformed':
      return noticed(state, { about: 'item', problem: event.failure.problem, fix: event.failure.fix });
    case 'returned':
      return noticed(state, {
        about: 'item',
        problem: `An item was handed back: ${event.problem}`,
        fix: 'Others do it.',
      });
    case 'deviceLost':
      return noticed(state, {
        about: 'device',
        problem: `The device was lost: ${event.problem}`,
        fix: 'It is opened again.',
      });
    default:
      // The worker may tell more than this page shows.
      return state;
  }
}

const unlessStopping = ({ status }: LendState, next: LendStatus): LendStatus =>
  status === 'stopping' ? status : next;

/** Add a message, in place of one about the same thing. */
function noticed(state: LendState, notice: LendNotice): LendState {
  const others = state.notices.filter(({ about }) => about !== notice.about);
  return { ...state, notices: [...others, notice] };
}
