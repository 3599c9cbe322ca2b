/**
 * The table of default kernels: for each class of adapters, the style of each family that is probably fastest there before it was
 * tuned, and the reason. A family turns a style and the shapes of operands into the name of a variant. Where that does not fit, it
 * uses its portable variant, which takes everything.
 */
import type { AdapterClass } from '../gpu/adapterClass.ts';
import type { Device } from '../gpu/device.ts';

/** Styles of the families. */
export interface Defaults {
  /** Products, and gradients of weights. */
  readonly products: 'microkernel' | 'broadcast' | 'tile';
  /** Rows of a product that a thread of a tile computes, of 8 columns each, where the product is large enough. */
  readonly threadRows: 4 | 8;
  /** Attention of training. */
  readonly attention: 'microkernel' | 'broadcast' | 'staged';
  /** Attention of a new token. */
  readonly decode: 'single' | 'subgroup' | 'split' | 'portable';
  /** Kernels of rows: an invocation to a row, with vec4s of several rows at a time; a thread; or a subgroup or workgroup. */
  readonly rows: 'vectors' | 'thread' | 'row';
  /** True to enqueue a rollout's next chunk of tokens before it is known which sequences this one finishes. */
  readonly chunksAhead: boolean;
  /** Sequences that a workgroup takes through a chunk of tokens of a narrow model; 0 for a dispatch to each product. */
  readonly chunkSequences: 0 | 2 | 4;
  /** Registers and workgroups that there is room for, where kernels differ in it. */
  readonly room: Room;
  readonly reason: string;
}

/** Room for a kernel on an adapter. */
export interface Room {
  /** f32 of a thread that stay in registers while enough threads are resident to hide loads. */
  readonly registers: number;
  /** Workgroups of 64 to 128 threads that occupy all cores. */
  readonly workgroups: number;
}

const GPU: Omit<Defaults, 'reason'> = {
  products: 'tile',
  threadRows: 4,
  attention: 'staged',
  decode: 'split',
  // Neighbouring lanes load neighbours, and no thread holds a row, whose registers would spill.
  rows: 'row',
  chunksAhead: true,
  chunkSequences: 4,
  room: { registers: 112, workgroups: 64 },
};

/** Kernels for the CPU have their own form. */
const CPU_ROOM: Room = { registers: 64, workgroups: 1 };

const TABLE: Readonly<Record<AdapterClass, Defaults>> = {
  wasm: {
    threadRows: 4,
    ...{
      products: 'microkernel',
      attention: 'microkernel',
      decode: 'single',
      rows: 'vectors',
      chunksAhead: false,
      chunkSequences: 0,
      room: CPU_ROOM,
    },
    reason:
      'an invocation is scalar code with vec4s in 16 registers, and a barrier costs a loop over all invocations',
  },
  cpu: {
    threadRows: 4,
    ...{
      products: 'broadcast',
      attention: 'broadcast',
      decode: 'subgroup',
      rows: 'thread',
      chunksAhead: false,
      chunkSequences: 0,
      room: CPU_ROOM,
    },
    reason:
      'a subgroup is a SIMD register: a broadcast takes one instruction, a load from storage a branch for each lane, and workgroup memory is no faster than storage',
  },
  nvidia: {
    ...GPU,
    threadRows: 8,
    chunkSequences: 2,
    room: { registers: 128, workgroups: 256 },
    reason:
      'subgroups of 32; workgroup memory is an order of magnitude faster than storage; 255 registers a thread, and with 128 a core holds 512 threads; up to 132 cores, which fewer sequences to a workgroup fill',
  },
  amd: {
    ...{ ...GPU, threadRows: 8, chunkSequences: 2 },
    room: { registers: 128, workgroups: 128 },
    reason:
      'subgroups of 32 or 64, of which the driver chooses; much workgroup memory; 256 registers a thread, and with 128 a SIMD holds 8 to 12 subgroups; up to 96 cores, which fewer sequences to a workgroup fill',
  },
  intel: {
    ...GPU,
    room: { registers: 80, workgroups: 64 },
    reason:
      'subgroups of 8 to 32, of which the driver chooses: sizes of 8 and 16 are no CPU; 64 to 128 registers a thread, so that 64 sums would halve the subgroup or be spilled',
  },
  apple: {
    ...{ ...GPU, threadRows: 8 },
    reason:
      'subgroups of 32; 128 registers a thread hold 64 sums; registers are scarce before workgroup memory is',
  },
  mobile: {
    ...GPU,
    room: { registers: 48, workgroups: 16 },
    reason:
      'subgroups of 16 or more, often without a fixed size; workgroup memory may be storage; 64 registers a thread or fewer',
  },
  gpu: { ...GPU, reason: 'unknown: what is common to GPUs, with registers that all have' },
};

/** Return the styles for a device. */
export const defaultsOf = ({ adapterClass }: Pick<Device, 'adapterClass'>): Defaults => TABLE[adapterClass];
