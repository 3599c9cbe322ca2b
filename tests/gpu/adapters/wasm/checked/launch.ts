/** Run a WGSL kernel in the checking interpreter, and return what its buffers hold and what was found. */
import { Shadow } from '../../../../../src/gpu/adapters/wasm/checked/accesses.ts';
import type { Finding } from '../../../../../src/gpu/adapters/wasm/checked/findings.ts';
import { CheckedKernel } from '../../../../../src/gpu/adapters/wasm/checked/kernel.ts';
import { DEFINED, Origins } from '../../../../../src/gpu/adapters/wasm/checked/origins.ts';
import type { BoundRange } from '../../../../../src/gpu/adapters/wasm/checked/segment.ts';
import { checkShader } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import type { Shader } from '../../../../../src/gpu/adapters/wasm/wgsl/tree.ts';

type Values = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

/** Changes a checked shader, to what the checker would refuse. */
export type Change = (shader: Shader) => Shader;

/** A launch: its buffers are written by the host, but for those in `unwritten`. */
export interface Launch {
  readonly wgsl: string;
  /** Buffers in the order of the bindings. The kernel writes into them. */
  readonly buffers: readonly Values[];
  readonly unwritten?: readonly Values[];
  readonly workgroups?: readonly [number, number, number];
  readonly subgroup?: number;
  readonly change?: Change;
}

/** Run a kernel named `kernel`. Return what was found. */
export function findingsOf({
  wgsl,
  buffers,
  unwritten = [],
  workgroups = [1, 1, 1],
  subgroup = 0,
  change = (shader) => shader,
}: Launch): Finding[] {
  const findings: Finding[] = [];
  const session = {
    clock: { now: 0 },
    origins: new Origins(),
    report: (finding: Finding) => findings.push(finding),
  };
  const kernel = new CheckedKernel(change(checkShader(wgsl)), {
    name: 'kernel',
    source: wgsl,
    subgroup,
    session,
  });
  const shadows = new Map<ArrayBuffer, Shadow>();
  const ranges = buffers.map((values): BoundRange => {
    const { buffer: bytes, byteOffset: offset, byteLength: size } = values;
    const shadow = shadows.get(bytes) ?? new Shadow(bytes.byteLength / 4);
    if (!unwritten.includes(values)) shadow.states.fill(DEFINED);
    shadows.set(bytes, shadow);
    return { bytes, offset, size, shadow, shadowOffset: offset };
  });
  kernel.run(workgroups, ranges);
  return findings;
}

/** Run a kernel without faults. @throws Error with the first finding. */
export function run(launch: Launch): void {
  const [first] = findingsOf(launch);
  if (first) throw new Error(first.message);
}
