/** Compile a WGSL kernel to WebAssembly and run it, on a memory of its own. */
import {
  FIRST_ADDRESS,
  LAUNCH_BINDINGS,
  launchBytes,
  type Run,
} from '../../../../../src/gpu/adapters/wasm/abi.ts';
import { type CompileOptions, compileKernel } from '../../../../../src/gpu/adapters/wasm/emit/index.ts';
import { checkShader } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';

export type Values = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

export interface Launch extends CompileOptions {
  readonly wgsl: string;
  /** Buffers in the order of the bindings. The kernel writes into them. */
  readonly buffers: readonly Values[];
  readonly workgroups?: readonly [number, number, number];
  /** The workgroups that run; all, unless given. */
  readonly range?: readonly [first: number, end: number];
}

const PAGE = 65536;
/** Bytes around each buffer, and their content: no kernel may change it. */
const MARGIN = 64;
const MARK = 0xa5;

const aligned = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** @throws Error if the kernel writes outside of its buffers and its scratch memory. */
export function run({ wgsl, buffers, workgroups = [1, 1, 1], range, ...options }: Launch): void {
  const { wasm, bindings, scratchBytes } = compileKernel(checkShader(wgsl), options);
  if (bindings.length !== buffers.length)
    throw new Error(`${bindings.length} bindings, ${buffers.length} buffers`);
  let end = FIRST_ADDRESS;
  const reserve = (bytes: number): number => {
    const address = end + MARGIN;
    end = address + aligned(bytes) + MARGIN;
    return address;
  };
  const launch = reserve(launchBytes(buffers.length));
  const scratch = reserve(scratchBytes);
  const addresses = buffers.map(({ byteLength }) => reserve(byteLength));
  const pages = Math.ceil(end / PAGE);
  const memory = new WebAssembly.Memory({
    initial: pages,
    maximum: pages,
    shared: options.sharedMemory === true,
  });
  const bytes = new Uint8Array(memory.buffer);
  const view = new DataView(memory.buffer);
  bytes.fill(MARK);
  for (const [i, count] of workgroups.entries()) view.setUint32(launch + 4 * i, count, true);
  for (const [i, address] of addresses.entries()) {
    const values = buffers[i];
    if (!values) continue;
    view.setUint32(launch + LAUNCH_BINDINGS + 8 * i, address, true);
    view.setUint32(launch + LAUNCH_BINDINGS + 8 * i + 4, values.byteLength, true);
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), address);
  }
  const before = bytes.slice();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory } });
  const [first, last] = range ?? [0, workgroups[0] * workgroups[1] * workgroups[2]];
  (instance.exports.run as Run)(launch, first, last, scratch);
  const own = [
    [scratch, scratchBytes],
    ...addresses.map((address, i) => [address, buffers[i]?.byteLength ?? 0]),
  ];
  for (const [start = 0, length = 0] of own) before.set(bytes.subarray(start, start + length), start);
  const changed = before.findIndex((byte, i) => byte !== bytes[i]);
  if (changed >= 0) throw new Error(`the kernel wrote byte ${changed}, which is in no buffer`);
  for (const [i, address] of addresses.entries()) {
    const values = buffers[i];
    if (values) {
      new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(
        bytes.subarray(address, address + values.byteLength),
      );
    }
  }
}
