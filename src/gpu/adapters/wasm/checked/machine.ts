/** State of the workgroup that the interpreter is running: which lanes are active, where it is, and what happened since when. */
import type { Place } from '../wgsl/tree.ts';
import type { Finding, FindingKind, SourceText } from './findings.ts';
import type { Origins } from './origins.ts';
import type { Register } from './register.ts';

/** Numbers of the intervals between barriers: they only grow, over all dispatches that share memory. */
export interface Clock {
  now: number;
}

/** State that the interpreters of one device share. */
export interface Session {
  readonly clock: Clock;
  readonly origins: Origins;
  /** Take a finding. */
  report(finding: Finding): void;
}

/** Memory that is ordered by barriers of its own. */
export type SharedSpace = 'storage' | 'workgroup';

export class Machine {
  /** Number of invocations of a workgroup. */
  readonly lanes: number;
  /** Lanes of a subgroup; 0 if there are no subgroups. */
  readonly subgroup: number;
  readonly text: SourceText;
  readonly session: Session;
  /** 1 for each active lane, 0 for the others. Statements replace it, and remove lanes that leave. */
  mask: Uint8Array;
  /** Number of active lanes. */
  active: number;
  workgroup: readonly [number, number, number] = [0, 0, 0];
  /** First interval of the workgroup. */
  workgroupStart = 0;
  /** First interval in which accesses count: that of the dispatch, and for workgroup memory that of the workgroup. */
  readonly start: Record<SharedSpace, number> = { storage: 0, workgroup: 0 };
  /** Present interval in each kind of shared memory. */
  readonly interval: Record<SharedSpace, number> = { storage: 0, workgroup: 0 };
  /** Findings of this dispatch by kind and place, as each is reported once. */
  readonly #reported = new Set<string>();
  readonly #everyLane: Uint8Array;

  constructor(lanes: number, subgroup: number, text: SourceText, session: Session) {
    this.lanes = lanes;
    this.subgroup = subgroup;
    this.text = text;
    this.session = session;
    this.#everyLane = new Uint8Array(lanes);
    this.mask = this.#everyLane;
    this.active = 0;
  }

  beginDispatch(): void {
    this.#reported.clear();
    this.start.storage = ++this.session.clock.now;
  }

  beginWorkgroup(workgroup: readonly [number, number, number]): void {
    this.workgroup = workgroup;
    this.workgroupStart = ++this.session.clock.now;
    this.start.workgroup = this.workgroupStart;
    this.interval.storage = this.workgroupStart;
    this.interval.workgroup = this.workgroupStart;
    this.#everyLane.fill(1);
    this.setMask(this.#everyLane, this.lanes);
  }

  setMask(mask: Uint8Array, active: number): void {
    this.mask = mask;
    this.active = active;
  }

  /** Order accesses to shared memory before those that follow. */
  barrier(space: SharedSpace): void {
    this.interval[space] = ++this.session.clock.now;
  }

  /** Report a finding, once for each kind and place of a dispatch. `detail` follows kind, kernel and place in the message. */
  report(kind: FindingKind, place: Place, lane: number, detail: () => string): void {
    const key = `${kind} ${place.line}:${place.column}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.session.report(this.text.finding(kind, place, `${detail()} (${this.invocation(lane)})`));
  }

  /** Describe a lane of this workgroup. */
  invocation(lane: number): string {
    return `lane ${lane} of workgroup (${this.workgroup.join(', ')})`;
  }

  /** Report the first active lane in which a value that decides something is undefined. */
  expectDefined({ origins }: Register, place: Place, what: string): void {
    if (origins === undefined) return;
    for (let lane = 0; lane < this.lanes; lane++) {
      if (!this.mask[lane]) continue;
      for (let at = lane; at < origins.length; at += this.lanes) {
        const origin = origins[at];
        if (origin === 0) continue;
        const describe = () => `${what} depends on a value that ${this.session.origins.describe(origin)}`;
        this.report('undefined value', place, lane, describe);
        return;
      }
    }
  }
}
