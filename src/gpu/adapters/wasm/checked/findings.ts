/** Faults of kernels that the interpreter finds, and their messages. */
import type { Place } from '../wgsl/tree.ts';

export type FindingKind =
  /** An access outside of a binding, an array or a vector. */
  | 'out of bounds'
  /** A branch, an index, an atomic operation or a result that depends on memory never written. */
  | 'undefined value'
  /** Two invocations that touch the same memory unordered, where one writes. */
  | 'data race'
  /** A barrier or a subgroup operation that not all invocations reach together. */
  | 'non-uniform control flow'
  /** A value of a lane that does not take part. */
  | 'inactive lane'
  /** Two bindings of one dispatch that overlap, where one is written. */
  | 'overlapping bindings';

/** A fault of a kernel. */
export interface Finding {
  readonly kind: FindingKind;
  readonly kernel: string;
  /** Number of the line in the kernel's source, beginning at 1; undefined for what is wrong with a dispatch. */
  readonly line: number | undefined;
  readonly message: string;
}

/** The text of a kernel, for messages. */
export class SourceText {
  readonly kernel: string;
  readonly #lines: readonly string[];

  constructor(kernel: string, source: string) {
    this.kernel = kernel;
    this.#lines = source.split('\n');
  }

  /** Return the line of a place and its text. */
  at({ line }: Place): string {
    return `line ${line} \`${(this.#lines[line - 1] ?? '').trim().slice(0, 160)}\``;
  }

  finding(kind: FindingKind, place: Place | undefined, detail: string): Finding {
    const where = place ? `, ${this.at(place)}` : '';
    return {
      kind,
      kernel: this.kernel,
      line: place?.line,
      message: `${kind} in kernel '${this.kernel}'${where}: ${detail}`,
    };
  }
}
